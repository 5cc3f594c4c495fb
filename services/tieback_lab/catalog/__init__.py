"""Mirrors `tieback.catalog`."""
