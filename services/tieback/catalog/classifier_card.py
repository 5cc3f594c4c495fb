"""Cards of classifiers: models that give a text, or its parts, labels with scores."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tieback.catalog.base_card import Card

Problem = Literal["single_label", "multi_label", "regression", "tokens"]
"""Ways in which logits become scores: by softmax, by the sigmoid of each, or as they are; of tokens, by
softmax for each of them."""


class ClassifierCard(Card):
    """A model that gives a text, or its parts, labels with scores. Requests name it in Classify.

    `labels` are those of its logits, in their order. A text has at most `max_tokens`.
    """

    role: Literal["classifier"]
    max_tokens: Annotated[int, Field(gt=0)]
    labels: Annotated[tuple[str, ...], Field(min_length=1, max_length=10_000)]
    problem: Problem = "single_label"

    def _construction(self) -> dict[str, Any]:
        own = {"max_tokens": self.max_tokens, "labels": self.labels, "problem": self.problem}
        return super()._construction() | own
