"""Mirrors `tieback.recogniser.partners`."""
