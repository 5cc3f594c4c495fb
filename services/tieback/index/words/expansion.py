"""The words of a query, expanded by those of sections that it found first.

Query and sections are vectors with a place for each word. The query has the weight of each of its words times
its rarity, a section what BM25 gives for the word alone. Function words are not added, and neither are words
of one section alone, which find no other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.terms import function_terms
from tieback.index.words.words import Analysed, QueryTerm, Words

_FEWEST = 2  # sections that have a word


def expanded(
    words: Words,
    query: Sequence[QueryTerm],
    sections: Sequence[Analysed],
    expand: Callable[[Array, Array], Array],
) -> list[QueryTerm]:
    """The words by which is searched again.

    `expand` takes the weights of words in the query `[words]` and in the sections `[sections, words]`, and
    gives the new ones `[words]`, of which those above 0 are kept.
    """
    forms, places = _vocabulary(query, sections)
    frequencies = words.frequencies(forms)
    rarities = np.array([words.rarity(frequency) for frequency in frequencies])
    weights = np.zeros(len(forms))
    weights[: len(query)] = [term.weight for term in query]
    counts = np.zeros((len(sections), len(forms)))
    for row, section in enumerate(sections):
        for term, count in section.counts.items():
            if term in places:
                counts[row, places[term]] += count
    counts[:, (weights == 0) & (np.array(frequencies) < _FEWEST)] = 0
    lengths = np.array([section.length for section in sections])
    relevant = words.saturation(counts, lengths[:, None])
    found = expand(weights * rarities, relevant * rarities) / rarities
    return [QueryTerm(forms[place], float(found[place])) for place in np.flatnonzero(found > 0).tolist()]


def _vocabulary(
    query: Sequence[QueryTerm], sections: Sequence[Analysed]
) -> tuple[list[tuple[str, ...]], dict[str, int]]:
    """The forms of each word, those of the query first, and by form the place of its word."""
    forms = [term.forms for term in query]
    places: dict[str, int] = {}
    for place, of_word in enumerate(forms):
        for form in of_word:
            places.setdefault(form, place)
    for section in sections:
        left_out = function_terms(section.language)
        for term in section.counts:
            if term not in places and term not in left_out:
                places[term] = len(forms)
                forms.append((term,))
    return forms, places
