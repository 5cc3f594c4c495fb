"""A transformer that reads a query and a passage as one input and gives one number, their score."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tieback.catalog.precision import ScoringPrecision
from tieback.catalog.runtimes import Runtime
from tieback.catalog.source import FileName, Strict


class CrossEncoder(Strict):
    """A transformer that reads a query and a passage as one input and gives one number, their score.

    `weights` is a safetensors file, or the index of several, of a sequence-classification model of
    transformers, with its `config`. Of two logits, `positive` names the label of a passage that answers, and
    the score is how far its logit is above the other.
    """

    runtime: Literal["cross_encoder"] = "cross_encoder"
    weights: FileName = "model.safetensors"
    tokenizer: FileName = "tokenizer.json"
    config: FileName = "config.json"
    positive: str = Field(default="", exclude_if=lambda label: not label)
    precision: ScoringPrecision = "float32"


RUNTIME = Runtime("reranker", CrossEncoder)
