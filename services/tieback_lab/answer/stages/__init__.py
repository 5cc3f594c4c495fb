"""Mirrors `tieback.answer.stages`."""
