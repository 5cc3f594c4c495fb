"""Mirrors `tieback.methods`."""
