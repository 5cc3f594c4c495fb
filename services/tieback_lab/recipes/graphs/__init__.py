"""Mirrors `tieback.recipes.graphs`."""
