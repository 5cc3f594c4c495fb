"""Mirrors `tieback.methods.imputation`."""
