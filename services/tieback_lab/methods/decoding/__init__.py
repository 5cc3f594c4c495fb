"""Mirrors `tieback.methods.decoding`."""
