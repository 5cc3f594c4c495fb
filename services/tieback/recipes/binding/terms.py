"""Sparse spaces: which of their terms are worth a vector in every block, and texts as weights of those.

A term of the vocabulary is a text too: a word piece that is a whole word has a vector in every text space,
and by the paths of the binding in every block. A sparse vector enters as the weighted mean of its terms'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Content, Modality
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.core.types.limits import Limits
from tieback.core.types.vectors import VectorKind
from tieback.methods.binding import bindings
from tieback.models.bound_space import BoundPath
from tieback.models.encoder_model import EncoderModel, NamesTerms

MOST_TERMS = 4096
"""So many terms have a vector, those that weigh most in what is bound from: 3 MB for a block of width 384."""

SHORTEST = 2
METHOD = "term_weights"
TERMS, VECTORS = "terms", "vectors"
AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class Terms:
    """Texts as a sparse space says them: weights `[…, terms]` of the terms with the numbers `kept`.

    `words` are the terms; `names` `[templates, classes, terms]` are by classifier, `texts` and `same` those
    of the user's pairs.
    """

    card: EncoderCard
    kept: Array
    words: tuple[str, ...]
    names: Mapping[str, Array]
    sentences: Array
    texts: Array
    same: Array


def encode_terms(model: EncoderModel, texts: Sequence[str]) -> dict[str, Array]:
    """`counts` `[texts]` of the terms that each text has, and all their `indices` and `weights` in a row."""
    prepared = [
        model.prepare(Content(Modality.TEXT, text), EncodePlan(truncation=Truncation.END), Limits())
        for text in texts
    ]
    order = np.argsort([one.tokens for one in prepared], kind="stable")
    found: list[tuple[Array, Array]] = [(np.zeros(0, np.int32), np.zeros(0, np.float32))] * len(texts)
    for begin in range(0, len(order), AT_ONCE):
        rows = order[begin : begin + AT_ONCE]
        said = model.run([prepared[row] for row in rows], EncodePlan(kinds=frozenset({VectorKind.SPARSE})))
        for row, one in zip(rows, said, strict=True):
            if one.sparse is not None:
                found[row] = one.sparse
    return {
        "counts": np.array([len(indices) for indices, _ in found], np.int64),
        "indices": np.concatenate([np.zeros(0, np.int32), *(indices for indices, _ in found)]),
        "weights": np.concatenate([np.zeros(0, np.float32), *(weights for _, weights in found)]),
    }


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


def led_by_terms(path: BoundPath, rows: Array) -> Array:
    """The path's unit rows for weights `[n, terms]` of its terms; a text of none of them has zeros."""
    method = bindings.configure(path.method, path.parameters)
    vectors = np.asarray(path.state[VECTORS], np.float32)
    led = np.zeros((len(rows), vectors.shape[1]), np.float32)
    for place, row in enumerate(rows):
        said = np.flatnonzero(row)
        if len(said):
            led[place] = method(row[said], vectors[said])
    return led


def gather_terms(
    card: EncoderCard, model: Callable[[], EncoderModel], encoded: Mapping[str, Mapping[str, Array]],
    classes: Mapping[str, Array],
) -> Terms:  # fmt: skip
    """The terms of a sparse space, from what it said of the texts: class names by classifier, and the rest.

    `encoded` has "sentences", "texts", "same" and every classifier's name; `classes` the things that its
    rows are of, by number.
    """
    words = whole_words(model())
    kept = worth_keeping(words, [encoded["sentences"], *(encoded[f"names of {name}"] for name in classes)])
    names = {
        name: over(encoded[f"names of {name}"], kept).reshape(-1, int(of.max()) + 1, len(kept))[:, of]
        for name, of in classes.items()
    }
    return Terms(
        card,
        kept,
        tuple(words[int(number)] for number in kept),
        names,
        over(encoded["sentences"], kept),
        over(encoded["texts"], kept),
        over(encoded["same"], kept),
    )
