"""Mirrors `tieback.recipes`."""
