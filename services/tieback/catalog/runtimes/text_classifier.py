"""A transformer that gives a text, or each of its tokens, a score for each of its labels."""

from __future__ import annotations

from typing import Literal

from tieback.catalog.precision import ScoringPrecision
from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class TextClassifier(Strict):
    """A transformer that gives a text, or each of its tokens, a score for each of its labels.

    `weights` is a safetensors file, or the index of several, of a model of transformers for the
    classification of sequences or of tokens, with its `config`.
    """

    runtime: Literal["text_classifier"] = "text_classifier"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"
    precision: ScoringPrecision = "float32"


RUNTIME = Runtime("classifier", TextClassifier)
