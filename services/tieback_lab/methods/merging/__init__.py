"""Mirrors `tieback.methods.merging`."""
