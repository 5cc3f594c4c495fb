"""Mirrors `tieback.methods.compatibility`."""
