"""A transformer that gives a vector and the weights of the terms of its vocabulary in one run."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FilePath, Strict


class DenseSparseText(Strict):
    """A transformer that gives a vector and the weights of the terms of its vocabulary in one run.

    `weights` is an ONNX file that takes `input_ids` and `attention_mask` `[batch, tokens]`, and gives
    `dense` `[batch, the card's width]` and `term_weights` `[batch, vocabulary]`, 0 or more.
    """

    runtime: Literal["dense_sparse_text"] = "dense_sparse_text"
    weights: FilePath = "model.onnx"
    tokenizer: FilePath = "tokenizer.json"


RUNTIME = Runtime("encoder", DenseSparseText, "tieback_lab.models.dense_sparse_text:DenseSparseTextModel")
