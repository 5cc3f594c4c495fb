"""Mirrors `tieback.recogniser`."""
