"""The words of many sections at once, as arrays: what `analysed` says of each, some ten times as fast.

A section is read as one of many because the steps for one text are short and the calls are not: the words of
all are numbered, and the languages, terms and counts are found by numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.imports import without
from tieback.core.text.terms import (
    DEFAULT_LANGUAGE,
    FEWEST_TELLING,
    READ_FOR_LANGUAGE,
    languages,
    languages_by_function_word,
    terms_of,
    words_of,
)

with without("pandas"):
    import pyarrow as pa

    pa.array([0])  # the first array looks for pandas

TITLE, TEXT = 1.0, 1.0
"""The weights of an item's title, of a section's title, and of the text itself."""

_SECTIONS_AT_ONCE = 8192


@dataclass(frozen=True, slots=True)
class AnalysedSections:
    """The words of sections.

    Postings, one for each section and each of its terms, ascend by section: of section `sections` `[p]`, the
    term is `terms` at `of_terms` `[p]`, which it has `counts` `[p]` times. By section, `lengths` `[s]` are in
    words, and its language is `languages` at `of_languages` `[s]`.
    """

    terms: Sequence[str]
    sections: Array
    of_terms: Array
    counts: Array
    lengths: Array
    languages: Sequence[str]
    of_languages: Array


def analysed_sections(
    texts: Sequence[str], titles: Sequence[Iterable[str]] | None = None
) -> list[AnalysedSections]:
    """Sections as they are looked for, some thousand in each part, in order.

    The titles of each are read in the language of its text.
    """
    titles = [()] * len(texts) if titles is None else titles
    steps = (slice(begin, begin + _SECTIONS_AT_ONCE) for begin in range(0, len(texts), _SECTIONS_AT_ONCE))
    return [_analysed(texts[step], titles[step]) for step in steps]


def _analysed(texts: Sequence[str], titles: Sequence[Iterable[str]]) -> AnalysedSections:
    words: list[str] = []
    in_text, in_all = np.zeros((2, len(texts)), np.int64)
    known: dict[str, list[str]] = {}  # titles are often the same
    for place, (text, of_section) in enumerate(zip(texts, titles, strict=True)):
        before = len(words)
        words += words_of(text)
        in_text[place] = len(words) - before
        for title in of_section:
            if title:
                if title not in known:
                    known[title] = words_of(title)
                words += known[title]
        in_all[place] = len(words) - before
    encoded = pa.array(words, pa.string()).dictionary_encode()
    vocabulary, numbers = encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)
    sections = np.repeat(np.arange(len(texts)), in_all)
    places = np.arange(len(words)) - np.repeat(np.cumsum(in_all) - in_all, in_all)  # in its section
    is_text = places < np.repeat(in_text, in_all)
    read = is_text | (np.repeat(in_text, in_all) == 0)
    read &= places < READ_FOR_LANGUAGE
    of_languages = _languages_of(sections[read], numbers[read], vocabulary, len(texts))
    terms, of_terms = _terms(numbers, of_languages[sections], vocabulary)
    keys, where = np.unique(sections * max(len(terms), 1) + of_terms, return_inverse=True)
    weights = np.where(is_text, TEXT, TITLE)
    return AnalysedSections(
        terms,
        keys // max(len(terms), 1),
        keys % max(len(terms), 1),
        np.bincount(where, weights, len(keys)).astype(np.float32),
        (TEXT * in_text + TITLE * (in_all - in_text)).astype(np.float32),
        languages(),
        of_languages,
    )


def _languages_of(sections: Array, numbers: Array, vocabulary: Sequence[str], count: int) -> Array:
    """The language of each section, by its place in `languages()`: see `analysis.language_of`."""
    names, known = languages(), languages_by_function_word()
    order = sorted(range(len(names)), key=lambda place: (names[place] != DEFAULT_LANGUAGE, names[place]))
    places = {names[number]: place for place, number in enumerate(order)}
    telling = [number for number, word in enumerate(vocabulary) if word in known]
    is_of = np.zeros((len(vocabulary), len(names)), np.int32)
    for number in telling:
        is_of[number, [places[language] for language in known[vocabulary[number]]]] = 1
    told = np.zeros(len(vocabulary), bool)
    told[telling] = True
    tells = told[numbers]
    pairs, often = np.unique(sections[tells] * max(len(vocabulary), 1) + numbers[tells], return_counts=True)
    of_section, rows = pairs // max(len(vocabulary), 1), is_of[pairs % max(len(vocabulary), 1)]
    counts, different = np.zeros((2, count, len(names)), np.int32)
    if len(pairs):
        begins = np.flatnonzero(np.diff(of_section, prepend=-1))
        counts[of_section[begins]] = np.add.reduceat(rows * often[:, None].astype(np.int32), begins)
        different[of_section[begins]] = np.add.reduceat(rows, begins)
    counts[different < FEWEST_TELLING] = 0
    return np.asarray(
        np.array(order)[counts.argmax(axis=1)]
    )  # the default is the first, and so that of no words


def _terms(numbers: Array, of_languages: Array, vocabulary: Sequence[str]) -> tuple[list[str], Array]:
    """The different terms of words in their languages, and for each word the place of its own."""
    size = max(len(vocabulary), 1)
    keys, where = np.unique(of_languages * size + numbers, return_inverse=True)
    terms: list[str] = []
    for number, name in enumerate(languages()):
        begin, end = np.searchsorted(keys, (number * size, (number + 1) * size))
        if begin < end:
            terms += terms_of([vocabulary[key] for key in (keys[begin:end] - number * size).tolist()], name)
    places: dict[str, int] = {}
    of_keys = np.array([places.setdefault(term, len(places)) for term in terms], np.int64)
    return list(places), of_keys[where] if len(keys) else np.zeros(0, np.int64)
