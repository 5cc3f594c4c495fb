"""Heads: small classifiers over the vectors of a space, and what they say of contents."""

from __future__ import annotations

from dataclasses import dataclass

from tieback_contract.heads import Prediction

from tieback_client.values.batch import Batch


@dataclass(frozen=True, slots=True)
class Predictions(Batch[Prediction]):
    """The outcome of `predict`: one per content."""

    version: int
    """The version that predicted."""
