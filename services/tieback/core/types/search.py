"""What the index is asked for, and what it finds."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from tieback_contract.fusion import IgnoredDimensions
from tieback_contract.hits import Hit
from tieback_contract.metadata import Metadata, MetadataValue
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, QueryOptions
from tieback_contract.reports import Timing
from tieback_contract.shapes import ABSENT, wire
from tieback_contract.vectors import Vector

from tieback.core.dates import instant
from tieback.core.types.moving import SecondVector


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search of one collection, by a vector, by words, or by both."""

    collection: str
    """The collection, as its tenant calls it."""
    vector: Vector | None = None
    """The vector near which sections are found. Of it and `text` at least one is given."""
    text: str = ""
    """Words of which a section has to have some."""
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


# The signals of a candidate: what is known of it when a search is over, as numbers by name.
#
# One list, in one order; the index computes them. Beside these each field of metadata that holds a number
# or a time is a signal, `metadata.KEY`, such as popularity and freshness. A signal that does not apply, for
# instance of words where the query has none, is absent.
Signals = Mapping[str, float]
"""By name; absent signals are left out."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A signal, in a sentence. More of one that is `rising` never speaks against a candidate."""

    name: str
    meaning: str
    rising: bool = True


SEARCH = Signal("search", "the score of the search")
VECTOR = Signal("vector", "the similarity to the query's vector")
WORDS = Signal("words", "the BM25 score for the query's words")
MATCHED = Signal("matched", "the share of the query's words that the section or its titles have, by rarity")
FEEDBACK = Signal("feedback", "the score by the query expanded by its best hits (rocchio, every query)")
NEIGHBOURS = Signal(
    "neighbours", "the mean search score of the five other sections found that are most like it"
)
NEIGHBOURHOOD = Signal("neighbourhood", "the same of the twenty other sections that are most like it")
RAREST = Signal(
    "rarest", "the rarity of the rarest word that the section or its titles have, as a share of the rarest's"
)
WINDOW = Signal("window", "the largest share of the query's words, by rarity, within 12 words of the text")
BEGINNING = Signal(
    "beginning", "the share of the query's words, by rarity, in the titles and the first 15 words"
)
LENGTH = Signal("length", "the logarithm of the number of words", rising=False)
PLACE = Signal("place", "the section's place in its item, 0 the first to 1 the last", rising=False)
SIBLINGS = Signal("siblings", "the best search score of another candidate of the same item")
SIGNALS = (
    SEARCH, VECTOR, WORDS, MATCHED, RAREST, FEEDBACK, NEIGHBOURS, NEIGHBOURHOOD, WINDOW, BEGINNING, LENGTH,
    PLACE, SIBLINGS,
)  # fmt: skip
"""All, in the order in which tables of them have their columns."""

NAMES = tuple(one.name for one in SIGNALS)

METADATA = "metadata."
"""Before the key of a field of metadata whose value is a signal."""

_DAY = 86_400.0


def is_signal(name: str) -> bool:
    """Whether there is such a signal, or could be: a collection need not have the field of metadata."""
    return name in NAMES or (name.startswith(METADATA) and name != METADATA)


def of_metadata(metadata: Metadata, name: str) -> float | None:
    """The signal of that name, which begins with METADATA; None where it is absent.

    Of a number its logarithm, on both sides of 0, since clicks and the like differ by powers of ten; of a
    time the days since 1970. More of the field is always more of the signal.
    """
    value = metadata.get(name.removeprefix(METADATA))
    return None if value is None else _number(value)


def signals_of_metadata(metadata: Metadata) -> dict[str, float]:
    """All signals that metadata has."""
    found = {f"{METADATA}{key}": _number(value) for key, value in metadata.items()}
    return {name: value for name, value in found.items() if value is not None}


def _number(value: MetadataValue) -> float | None:
    if isinstance(value, date):
        return instant(value).timestamp() / _DAY
    if isinstance(value, bool | int | float) and math.isfinite(value):
        return math.copysign(math.log1p(abs(value)), value)
    return None
