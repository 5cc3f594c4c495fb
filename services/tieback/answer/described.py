"""Words for what is no text, by which full text finds it and people know it."""

from __future__ import annotations

from collections.abc import Sequence

from tieback_contract.encodings import Label

from tieback.answer.drafts import Draft
from tieback.answer.features import words_of_features
from tieback.core.types.content import CategoricalFeatures

LEAST_PROBABILITY = 0.05
"""A class of at least this probability is among the words that a picture or a sound is found by."""


def words_of_no_text(draft: Draft, title: str) -> str:
    """Its title, and its features, or what a classifier took it for."""
    data = draft.content.data
    if isinstance(data, CategoricalFeatures):
        return ": ".join(part for part in (title, words_of_features(data)) if part)
    return describe(draft.labels, title)


def describe(labels: Sequence[Label], title: str = "") -> str:
    """The words for a picture or a sound: its title, and what a classifier took it for."""
    likely = [label.name for label in labels if label.probability >= LEAST_PROBABILITY]
    seen = dict.fromkeys(likely or [label.name for label in labels[:1]])  # two classes may share a name
    return ": ".join(part for part in (title, ", ".join(seen)) if part)
