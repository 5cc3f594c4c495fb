"""Mirrors `tieback.training.data`."""
