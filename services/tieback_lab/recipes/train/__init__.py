"""Mirrors `tieback.recipes.train`."""
