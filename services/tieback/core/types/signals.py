"""The signals of a candidate: what is known of it when a search is over, as numbers by name.

One list, in one order; the index computes them. Beside these each field of metadata that holds a number or a
time is a signal, `metadata.KEY`, such as popularity and freshness. A signal that does not apply, for instance
of words where the query has none, is absent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from tieback_contract.metadata import Metadata, MetadataValue

from tieback.core.dates import instant

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
