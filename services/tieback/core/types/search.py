"""What the index is asked for, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.reports import Timing
from tieback_contract.vectors import Vector
from tieback_contract.wire import ABSENT, wire

from tieback.core.types.moving import SecondVector


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search of one collection, by a vector, by words, or by both."""

    collection: str
    """The collection, as its tenant calls it."""
    vector: Vector | None = None
    """What is near this is found. Of it and `text` at least one is given."""
    text: str = ""
    """What has some of these words is found."""
    limit: int = 0
    """The most hits; 0 for the index's own number."""
    filter: str = ""
    """A condition on items and sections; empty for all of them."""
    explain: bool = False
    """True if the reply is to say of each stage what it did."""
    ignored: Sequence[IgnoredDimensions] = ()
    """Dimensions of the vector that do not count."""
    multi_vectors: bool = False
    """True if hits that have several vectors are to come with them."""
    token_vectors: bool = False
    """True if hits of texts are to come with the vectors of their tokens."""
    vectors: bool = False
    """True if hits are to come with their vectors as wholes."""
    signals: Collection[str] = ()
    """The names of the signals that hits are to come with."""
    second: SecondVector | None = None
    """The query's vector in the space that the collection is being moved to."""
    first_modality: Modality | None = None
    """By a vector alone, related sections of this modality come before all others."""
    related_from: float | None = None
    """The similarity from which on a section is related; None where all are."""
    fill_up: bool = False
    """True if what `hits_per_item` leaves out are pieces of its item's best hit, or hits where others are too
    few."""
    options: QueryOptions = NO_OPTIONS
    """The options of a search; what is not chosen is left out."""


@dataclass(frozen=True, slots=True)
class StageScores:
    """What a step made of those of the hits that it passed on, which are at the places `hits` `[n]`.

    Of each: its score, NaN where the step has none; the score as the next step used it, NaN where there is
    none, and nothing at all where the scores are used as they are; its rank from 0; and why it was `kept`, as
    a place among the `reasons`.
    """

    stage: str
    hits: Sequence[int]
    scores: Sequence[float]
    normalised: Sequence[float]
    ranks: Sequence[int]
    kept: Sequence[int]
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a search looked that a measurement decided on.

    `breadth` is as of `Reach`, and `recall` the share of the ten nearest sections that it found in the
    measurement. By time, `seconds` are what the search by the vector was expected to take.
    """

    breadth: float
    recall: float
    seconds: float | None = None

    @property
    def method(self) -> MethodChoice:
        """The method of vector search that looks as far."""
        if math.isinf(self.breadth):
            return MethodChoice("exact")
        return MethodChoice("coarse_to_fine", {"breadth": self.breadth})


@dataclass(frozen=True, slots=True)
class SearchReply:
    """The nearest sections, best first, and whether they were found by the `expanded` query.

    Where a measurement decided how far was looked, that is what it `reached`. Where it is explained, `steps`
    are what its steps made of the hits.
    """

    hits: Sequence[Hit]
    timing: Timing
    expanded: bool = False
    reached: Reached | None = field(default=None, metadata=wire(ABSENT))
    steps: Sequence[StageScores] = ()
