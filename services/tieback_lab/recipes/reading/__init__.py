"""Mirrors `tieback.recipes.reading`."""
