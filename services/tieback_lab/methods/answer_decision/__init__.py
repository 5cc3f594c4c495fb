"""Mirrors `tieback.methods.answer_decision`."""
