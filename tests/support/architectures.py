"""Architectures of transformers that the tests go through, each exported and held against torch."""

from __future__ import annotations

from tieback.recipes.graphs.architectures import BACKBONES

CLASSIFIERS = (*BACKBONES, "deberta-v2", "modernbert", "t5")
"""Of evidence and claims."""

WRITERS = ("qwen2", "qwen3", "llama", "mistral", "gemma", "gemma2", "gemma3_text")
"""Language models."""

LABELLERS = (*BACKBONES, "deberta-v2", "modernbert", *WRITERS)
"""Of a text or a pair."""
TOKEN_LABELLERS = tuple(name for name in LABELLERS if name != "gemma3_text")
"""Of the tokens of a text; transformers has no class for the other."""
