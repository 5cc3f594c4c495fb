"""Mirrors `tieback.training`."""
