"""Mirrors `tieback.methods.routing`."""
