"""Sparse spaces: which of their terms are worth a vector in every block, and texts as weights of those.

A term of the vocabulary is a text too: a word piece that is a whole word has a vector in every text space,
and by the paths of the binding in every block. A sparse vector enters as the weighted mean of its terms'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.types.arrays import Array
from tieback.models.encoder_model import EncoderModel, NamesTerms
from tieback.recipes.encoders import Encoders

MOST_TERMS = 4096
"""So many terms have a vector, those that weigh most in what is bound from: 3 MB for a block of width 384."""

SHORTEST = 2
METHOD = "term_weights"


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Texts as a sparse space says them: weights `[…, terms]` of the terms with the numbers `kept`.

    `words` are the terms; `names` `[templates, rows, terms]` are by member, `texts` and `same` those of the
    user's pairs.
    """

    card: EncoderCard
    kept: Array
    words: tuple[str, ...]
    names: Mapping[str, Array]
    sentences: Array
    texts: Array
    same: Array


def whole_words(model: EncoderModel) -> dict[int, str]:
    """The terms that are words by themselves, by number.

    StartupError where the vocabulary has not as many terms as the card says that vectors are wide.
    """
    card = model.card
    if not isinstance(model, NamesTerms):
        raise StartupError(f"{card.name} has no terms to be bound by: its `joint` is not terms")
    if len(model.terms) != card.width:
        raise StartupError(
            f"the vocabulary of {card.name} has {len(model.terms)} terms, and its card says width "
            f"{card.width}; they are not of one model"
        )
    return {
        number: term
        for number, term in enumerate(model.terms)
        if len(term) >= SHORTEST and term.isalpha() and term.isascii()
    }


def worth_keeping(words: Mapping[int, str], encoded: Sequence[Mapping[str, Array]]) -> Array:
    """The numbers, ascending, of the MOST_TERMS words that weigh most in what was encoded."""
    total = np.zeros(max(words, default=0) + 1)
    for one in encoded:
        inside = one["indices"] < len(total)
        np.add.at(total, one["indices"][inside], one["weights"][inside])
    numbers = np.array(sorted(words), np.int64)
    heaviest = numbers[np.argsort(-total[numbers], kind="stable")[:MOST_TERMS]]
    return np.sort(heaviest).astype(np.int32)


def over(encoded: Mapping[str, Array], kept: Array) -> Array:
    """The weights `[texts, terms]` of the kept terms."""
    counts = encoded["counts"]
    rows = np.zeros((len(counts), len(kept)), np.float32)
    if len(kept) and len(encoded["indices"]):
        places = np.minimum(np.searchsorted(kept, encoded["indices"]), len(kept) - 1)
        known = kept[places] == encoded["indices"]
        texts = np.repeat(np.arange(len(counts)), counts)
        rows[texts[known], places[known]] = encoded["weights"][known]
    return rows


def collect_terms(
    card: EncoderCard, encoders: Encoders, asked: Mapping[str, Sequence[str]], things: Mapping[str, Array]
) -> Terms:
    """The terms of a sparse space, from what it says of the texts `asked`: names by member, and the rest.

    These are "sentences", "texts", "same" and every member's names; `things` are what the members' rows are
    of, by number.
    """
    encoded = {what: encoders.terms(what, card, texts) for what, texts in asked.items()}
    words = whole_words(encoders[card])
    kept = worth_keeping(words, [encoded["sentences"], *(encoded[f"names of {name}"] for name in things)])
    names = {
        name: over(encoded[f"names of {name}"], kept).reshape(-1, int(of.max()) + 1, len(kept))[:, of]
        for name, of in things.items()
    }
    sentences, texts, same = (over(encoded[what], kept) for what in ("sentences", "texts", "same"))
    return Terms(card, kept, tuple(words[int(number)] for number in kept), names, sentences, texts, same)
