"""Formats of office programs."""
