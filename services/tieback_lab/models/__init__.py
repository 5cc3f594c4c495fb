"""Mirrors `tieback.models`."""
