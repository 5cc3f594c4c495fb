"""Heads, which are small classifiers over the vectors of a space, and classifiers of texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tieback_contract.encodings import Label
from tieback_contract.shapes import wire
from tieback_contract.vectors import SpaceRef


@dataclass(frozen=True, slots=True)
class Prediction:
    """Classes of a content."""

    labels: Sequence[Label]
    """The likeliest classes, best first."""
    memory_share: float | None = None
    """Weight of the memory beside what was learned, 0 to 1; None for a method without a memory."""

    @property
    def label(self) -> str:
        """The name of the likeliest class."""
        return self.labels[0].name


@dataclass(frozen=True, slots=True)
class LabelScore:
    """A label of a classifier of texts with its score."""

    name: str
    """The label, as the model's configuration names it."""
    score: float
    """A probability, or of a regression any number."""


@dataclass(frozen=True, slots=True)
class LabelSpan:
    """A part of a text with its label."""

    name: str
    """The label, without B- or I- before it."""
    score: float
    """The mean of its tokens' probabilities, each of the token's likeliest label."""
    start: int = field(metadata=wire("begin_character"))
    """The character of the text that it begins at."""
    end: int = field(metadata=wire("end_character"))
    """The character behind it."""
    text: str
    """The text between: ``text[start:end]``."""


@dataclass(frozen=True, slots=True)
class Classification:
    """The labels of a text, or of its parts."""

    labels: Sequence[LabelScore] = ()
    """The labels, best first; of a regression, in the model's order. None where parts are labelled."""
    truncated_tokens: int = 0
    """Tokens of the text that were cut off, at its end or, of two texts, at theirs."""
    spans: Sequence[LabelSpan] = ()
    """Of a classifier of tokens: the parts of the text that have a label, in its order."""

    @property
    def label(self) -> str:
        """The name of the best label."""
        return self.labels[0].name


@dataclass(frozen=True, slots=True)
class Head:
    """A version of a head."""

    name: str
    """The head."""
    version: int
    """The version, from 1."""
    space: SpaceRef
    """The space whose vectors it classifies."""
    method: str = field(metadata=wire("method.name"))
    """How it was fitted."""
    parameters: Mapping[str, Any] = field(metadata=wire("method.parameters"))
    """All parameters of that."""
    class_count: int
    """How many classes there are."""
    example_count: int
    """Examples that it was fitted on."""
    memory_count: int
    """Vectors that it was given as a memory; 0 where its memory are the examples, or it has none."""
    accuracy: float
    """The share of the examples that heads classified rightly that were fitted without them, 0 to 1."""
    artifact: str
    """The revision of what was learned, a hash over its content."""
    created: datetime | None = field(default=None, metadata=wire("create_time"))
    """When it was fitted."""
    classes: Mapping[str, int] = field(default_factory=dict)
    """The examples of each class, by its name, in the order of the method's output; empty in lists."""
    versions: Sequence[int] = ()
    """The versions of the head that are kept, in order."""
    stale: str = ""
    """Why it cannot predict; empty where it can."""
