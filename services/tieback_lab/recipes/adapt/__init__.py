"""Mirrors `tieback.recipes.adapt`."""
