"""The report of a call: its times and its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tieback_contract.shapes import wire


class DroppedSection(NamedTuple):
    """A section that a step left out."""

    item_id: str
    """Its item."""
    section_id: str
    """The section within the item."""
    score: float
    """Its score in that step."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """Sections that a step left out for one reason."""

    reason: str
    """Why: "filter", "no_words", "depth", "same_text", "same_item", "item_limit", "similar", "limit" or
    "min_relevance"."""
    count: int
    """Number of them."""
    best: Sequence[DroppedSection] = ()
    """The best of them, 3 at most; none where a search did not compare them."""


# These three are counted up while a call runs, so they are not frozen.


@dataclass(slots=True)
class Stage:
    """One step of a pipeline."""

    name: str
    """The step, for instance ``"encode:all-minilm-l6-v2"`` or ``"search"``."""
    begin: float
    """Seconds from the request's arrival to its beginning."""
    seconds: float = field(metadata=wire("duration"))
    """Time that it took in seconds, waiting included."""
    within: str = ""
    """The step that it is a part of; empty for those that make up the whole call."""
    queue: float = 0.0
    """Of that time, waiting for a worker; 0 where it is not known apart."""
    compute: float = 0.0
    """Of that time, inside the model or the search; 0 where it is not known apart."""
    candidates_in: int = 0
    """With ``explain``, how many sections it was given."""
    candidates_out: int = 0
    """With ``explain``, how many sections it gave to the next step."""
    dropped: Sequence[Dropped] = ()
    """With ``explain``, the sections that it did not give to the next step, by reason."""
    structure: str = ""
    """With ``explain``, of a search by vectors: what candidates are found by, ``"graph"``, ``"lists"`` or
    ``"none"`` (every vector is compared)."""


@dataclass(slots=True)
class Timing:
    """Time of a call by stage, in seconds, as the server measured it."""

    queue: float = 0.0
    """Waiting for a worker."""
    prepare: float = 0.0
    """Tokenising, decoding, resampling."""
    compute: float = 0.0
    """Inside the model or the search."""
    total: float = 0.0
    """From the request's arrival to the response's departure."""
    stages: list[Stage] = field(default_factory=list)
    """The steps of a pipeline, in the order they began."""


@dataclass(slots=True)
class Cost:
    """Cost of a call."""

    batch_size: int = 0
    """Items in the largest batch that served it, other callers' items included."""
    tokens: int = 0
    """Useful tokens of this call (for pictures and sounds: patches or frames)."""
    padding_tokens: int = 0
    """Padding computed beside them."""
    cached_items: int = 0
    """Inputs of this call that were found in a cache."""
    shared_items: int = 0
    """Inputs of this call that waited for an identical one in flight."""
