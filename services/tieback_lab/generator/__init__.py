"""Mirrors `tieback.generator`."""
