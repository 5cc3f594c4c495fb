"""Mirrors `tieback.methods.recognition_fusion`."""
