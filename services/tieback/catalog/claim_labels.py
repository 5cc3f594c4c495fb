"""What labels of a classifier of claims mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Outcome = Literal["supported", "contradicted", "unsupported"]
OUTCOMES: tuple[Outcome, ...] = ("supported", "contradicted", "unsupported")
"""Meanings of labels, in the order in which their probabilities stand everywhere."""

Labels = Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Outcome], Field(min_length=1)]


def check_labels(labels: Labels) -> Labels:
    """ValueError where none of them means supported."""
    if "supported" not in labels.values():
        raise ValueError("one of the labels means supported: write {NAME: supported}")
    return labels
