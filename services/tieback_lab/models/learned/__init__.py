"""Mirrors `tieback.models.learned`."""
