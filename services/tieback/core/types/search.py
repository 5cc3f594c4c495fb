"""What the index is asked for, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypedDict

from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Hit
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import Granularity
from tieback_contract.reports import Timing
from tieback_contract.vectors import Vector

from tieback.core.types.moving import SecondVector


class Search(TypedDict, total=False):
    """The arguments of a search, by name; what is left out is None, empty, False, or the server's default.

    Of `vector` and `text` at least one is given. `ignored` are dimensions of the vector that do not count;
    with `multi_vectors`, hits that have several vectors come with them, and with `token_vectors` those of
    texts come with the vectors of their tokens; with `vectors`, hits come with their vectors as wholes.
    `query_expansion` searches again with
    the query expanded by its first hits. `diversity`, 0 to 1, prefers hits that are unlike those before them,
    and there are at most `hits_per_item` hits of one item; 0 turns each of them off. By the `granularity`
    DOCUMENT items are ranked, and a hit is the best section of one. Hits come with the signals that are named
    in `signals`. `vector_search` says how far the vector is searched for. `explain` says of each step what it
    did. Hits come with at most so many `highlights`. A `second` vector is the query's in the space that the
    collection is being moved to. By a vector alone, related sections of the `first_modality` come before all
    others; with `balance_modalities` those that are related come before those that are not. They are related
    from the similarity `related_from` on; None for all. A text that several items hold is one hit, unless
    `every_copy` is asked for. With `fill_up`, what `hits_per_item` leaves out are pieces of its item's best
    hit, or hits where other items are too few.
    """

    vector: Vector | None
    text: str
    limit: int
    filter: str
    rank_fusion: MethodChoice | None
    balance_modalities: bool
    collapse_pieces: bool
    ignored: Sequence[IgnoredDimensions]
    multi_vectors: bool
    query_expansion: MethodChoice | None
    diversity: float
    hits_per_item: int
    granularity: Granularity
    token_vectors: bool
    vectors: bool
    vector_search: MethodChoice | None
    explain: bool
    signals: Collection[str]
    highlights: int
    second: SecondVector | None
    first_modality: Modality | None
    related_from: float | None
    every_copy: bool
    fill_up: bool


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
    reached: Reached | None = None
    steps: Sequence[StageScores] = ()
