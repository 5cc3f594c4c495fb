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
class Classification:
    """The labels of a text."""

    labels: Sequence[LabelScore]
    """The labels, best first; of a regression, in the model's order."""
    truncated_tokens: int = 0
    """Tokens at the end of the text that were cut off."""

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
