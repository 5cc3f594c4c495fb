"""Mirrors `tieback.recipes.trained`."""
