"""Texts before any language model: sentences, passages, terms, what a reader sees."""
