"""Mirrors `tieback.recipes.export`."""
