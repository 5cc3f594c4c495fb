"""Mirrors `tieback.methods.reranking`."""
