"""The signals of a candidate: what is known of it when a search is over, as numbers by name.

One list, in one order; the index computes them. A signal that does not apply, for instance of words where the
query has none, is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
WINDOW = Signal("window", "the largest share of the query's words, by rarity, within 12 words of the text")
BEGINNING = Signal(
    "beginning", "the share of the query's words, by rarity, in the titles and the first 15 words"
)
LENGTH = Signal("length", "the logarithm of the number of words", rising=False)
PLACE = Signal("place", "the section's place in its item, 0 the first to 1 the last", rising=False)
SIBLINGS = Signal("siblings", "the best search score of another candidate of the same item")
SIGNALS = (
    SEARCH, VECTOR, WORDS, MATCHED, FEEDBACK, NEIGHBOURS, WINDOW, BEGINNING, LENGTH, PLACE, SIBLINGS,
)  # fmt: skip
"""All, in the order in which tables of them have their columns."""

NAMES = tuple(one.name for one in SIGNALS)
