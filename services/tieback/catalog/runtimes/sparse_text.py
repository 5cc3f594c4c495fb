"""A transformer with a masked-language-model head, which weighs the terms of its vocabulary (SPLADE)."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class SparseText(Strict):
    """A transformer with a masked-language-model head, which weighs the terms of its vocabulary (SPLADE).

    `weights` is a safetensors file with its `config`. The card's width is the size of the vocabulary.
    """

    runtime: Literal["sparse_text"] = "sparse_text"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"


RUNTIME = Runtime("encoder", SparseText, "tieback.models.text.sparse_text:SparseTextModel")
