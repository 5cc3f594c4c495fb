"""Mirrors `tieback.answer`."""
