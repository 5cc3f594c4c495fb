"""Mirrors `tieback.catalog.runtimes`."""
