"""Mirrors `tieback.methods.projection`."""
