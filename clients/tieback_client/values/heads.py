"""Heads: small classifiers over the vectors of a space, and what they say of contents."""

from __future__ import annotations

from dataclasses import dataclass

from tieback_contract.heads import Classification, Prediction

from tieback_client.values.batch import Batch


@dataclass(frozen=True, slots=True)
class Predictions(Batch[Prediction]):
    """The outcome of `predict`: one per content."""

    version: int
    """The version that predicted."""


@dataclass(frozen=True, slots=True)
class Classifications(Batch[Classification]):
    """The outcome of `classify`: one per text."""

    problem: str
    """Kind of the scores: "single_label", probabilities that sum to 1; "multi_label", a probability of each
    label by itself; "regression", numbers of any size; "tokens", probabilities of a text's parts."""
