"""Mirrors `tieback.methods.heads`."""
