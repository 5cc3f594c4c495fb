"""Texts become terms: the same for what is stored and for what is asked.

Words are cut where Unicode letters, digits and marks end, their case is folded, their endings are taken off
by the Snowball stemmer of the text's language (Porter 2001, snowballstem.org), and accents are removed.
Scripts that put no spaces between words (Chinese, Japanese, Thai, …) become overlapping pairs of characters.

A text's language is that whose function words it has most of; a text without any counts as English. A query
is too short for that, so each of its words is looked for in the form of every language that is stored.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

import regex
import Stemmer

DEFAULT_LANGUAGE = "english"
LONGEST_WORD = 64
"""Characters of a word that count; what follows is cut off."""

LONGEST_QUERY = 512
"""Words of a query that are looked for: each costs some 20 µs for every language that is stored."""

READ_FOR_LANGUAGE = 200
"""Words of a text by which its language is told."""

FEWEST_TELLING = 2
"""Different function words that tell a text's language: "de" and "i" are in English texts too."""

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(rf"[{_UNSPACED}]+|[[\p{{L}}\p{{N}}\p{{M}}]--[{_UNSPACED}]]+", regex.V1)
_ASCII_WORD = re.compile(r"[a-z0-9]+")  # the same where there is no other, three times as fast
_PAIRED = regex.compile(rf"[{_UNSPACED}]")
_MOST_KNOWN = 30_000  # terms that are remembered by word and language: some 5 MB for each that is met
_known: dict[str, dict[str, str]] = {}
_local = threading.local()  # a stemmer may be used by one thread at a time


def words_of(text: str) -> list[str]:
    """The words of a text in order, case folded."""
    if text.isascii():
        return [word[:LONGEST_WORD] for word in _ASCII_WORD.findall(text.lower())]
    folded = unicodedata.normalize("NFKC", text.casefold())
    return [part for word in _WORD.findall(folded) for part in _cut(word)]


def language_of(words: list[str]) -> str:
    """The language whose function words are most of these; `DEFAULT_LANGUAGE` where there are none."""
    found = _most_frequent(words[:READ_FOR_LANGUAGE], languages_by_function_word(), FEWEST_TELLING)
    return found or DEFAULT_LANGUAGE


def terms_of(words: list[str], language: str) -> list[str]:
    """One term for each word."""
    known = _known.setdefault(language, {})
    new = [word for word in words if word not in known]
    if new:
        if len(known) > _MOST_KNOWN:
            known = _known[language] = {}  # another thread may still read the old one
            new = words
        stems = _stemmer(language).stemWords(new)
        known.update(zip(new, map(_without_accents, stems), strict=True))
    return [known[word] for word in words]


def terms_of_query(text: str, languages: Collection[str]) -> list[tuple[tuple[str, ...], int]]:
    """The content words of a query: of each, its terms in these languages, and how often it stands there.

    Function words are left out, in the language that most of them are of; where there is nothing else in the
    query, they are what is asked for. Of a long query the first `LONGEST_QUERY` words are read.
    """
    words = words_of(text)[:LONGEST_QUERY]
    spoken = [*languages] if DEFAULT_LANGUAGE in languages else [DEFAULT_LANGUAGE, *languages]
    known = {
        word: spoken_here
        for word in set(words)
        if (spoken_here := [one for one in spoken if word in function_words(one)])
    }
    language = _most_frequent(words, known) or DEFAULT_LANGUAGE
    content = [word for word in words if word not in function_words(language)] or words
    forms = [terms_of(content, one) for one in spoken]
    counts = Counter(tuple(dict.fromkeys(of_word)) for of_word in zip(*forms, strict=True))
    return list(counts.items())


@cache
def languages() -> tuple[str, ...]:
    """The languages whose function words are known, by name."""
    return tuple(_lists())


@cache
def function_words(language: str) -> frozenset[str]:
    """The function words of a language, case folded."""
    return frozenset(_lists()[language])


@cache
def function_terms(language: str) -> frozenset[str]:
    """The terms of a language's function words."""
    return frozenset(terms_of(list(function_words(language)), language))


@cache
def languages_by_function_word() -> Mapping[str, list[str]]:
    """The languages that have a word as a function word."""
    found: dict[str, list[str]] = {}
    for language, words in _lists().items():
        for word in words:
            found.setdefault(word, []).append(language)
    return found


@cache
def _lists() -> Mapping[str, list[str]]:
    folder = resources.files(__package__) / "stop_words"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".txt"))
    return {name[:-4]: (folder / name).read_text("utf-8").casefold().split() for name in names}


def _most_frequent(words: list[str], languages: Mapping[str, list[str]], fewest: int = 1) -> str:
    """The language that most of the words are of; of equal ones the default, else the first by name.

    Only languages of at least `fewest` different ones of the words count.
    """
    counts: Counter[str] = Counter()
    different: Counter[str] = Counter()
    for word, number in Counter(filter(languages.__contains__, words)).items():
        for language in languages[word]:
            counts[language] += number
            different[language] += 1
    able = (one for one in counts if different[one] >= fewest)
    return min(able, key=lambda one: (-counts[one], one != DEFAULT_LANGUAGE, one), default="")


def _cut(word: str) -> Iterator[str]:
    """Pairs of characters of an unspaced script, else the word itself."""
    if not _PAIRED.match(word):
        yield word[:LONGEST_WORD]
    elif len(word) < 3:
        yield word
    else:
        yield from (word[place : place + 2] for place in range(len(word) - 1))


def _without_accents(word: str) -> str:
    if word.isascii():
        return word
    apart = unicodedata.normalize("NFD", word)
    # Only the common combining accents: the vowels of Devanagari and the like are marks too.
    kept = "".join(one for one in apart if not "\u0300" <= one <= "\u036f")
    return unicodedata.normalize("NFC", kept)


def _stemmer(language: str) -> Any:
    stemmers: dict[str, Any] = _local.__dict__.setdefault("stemmers", {})
    if language not in stemmers:
        stemmers[language] = Stemmer.Stemmer(language, 0)  # without a memory of its own
    return stemmers[language]
