"""What a question names, and no passage does: a version, a time, an identifier, a name. English.

A passage on Prometheus 2.53 is near to a question on Prometheus 3.5 and leaves it open, which a judge of
nearness does not see. Names are told exactly: identifiers ("TIEBACK_PORT", "HTTP/3") stand there as they are,
times and years ("10:05", "2018") where the passages have others, and versions ("Rust 1.95") where they have
another one of the same name, since a heading above may have them. Of words with a capital their beginning
stands there, or the word in another spelling, or what it stands for ("EU"). What is counted or measured names
nothing ("the 3 layers", "1.5 GB").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import get_close_matches
from functools import lru_cache

from tieback_contract.arrays import Span

from tieback.core.language import language, sentence_of
from tieback.core.text.sentences import sentences
from tieback.core.text.terms import DEFAULT_LANGUAGE, function_words
from tieback.core.text.visible import as_displayed
from tieback.grounding.languages import is_foreign

STEM = 5
"""First letters by which names are compared: "Normans" and "Norman"."""

ALIKE = 0.84
"""How alike names are that are one in two spellings: "Groner" and "Groener"; not "South" and "North"."""

TITLE_CASE = 0.5
"""The share of words with a capital from which on a question is written like a title, and names nothing."""

INITIALS = (2, 3, 4)
"""Letters of what is written by its initials."""

READ, LONGEST, MOST = 1000, 100, 16
"""Characters of a question that are read, those of an identifier or name, and how many of these are looked
for: each is compared with all words of the passages.
"""

NAME = re.compile(r"\b[A-Z][\w'’-]*")
TOKEN = re.compile(r"[^\s\"“”‘’()\[\]{}<>,;!?`|]+")
IDENTIFIER = re.compile(
    r"v?\d+(?:[.:/-]\d+)+\w*(?:[-+.]\w+)*"  # versions, times, dates
    r"|(?=\S*[a-z])(?=\S*\d)[a-z][\w./:+-]*"  # e0277, http/3, libogg0
    r"|--?[a-z][\w-]+"  # options
    r"|(?=\w*_\w)[a-z]\w*|(?:[a-z]\w*)?(?:::?[a-z]\w*)+",  # names of variables
    re.IGNORECASE,
)
CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z\d]*)+")
"""Names of settings and variables: "maxRetries"."""
YEAR = re.compile(r"(?<![\w.:/-])(?:1\d{3}|20\d\d)(?![\w:/-]|\.\d)")
VERSION = re.compile(r"v?(?:\d+:)?\d+(?:\.\d+)+\S*", re.IGNORECASE)
"""Of Debian with an epoch before it, as "1:10.0p1-1"."""
NAMED = re.compile(r"(?:\b[A-Z][\w+#.-]*|\bversion)\s+\Z")
"""What stands before the number of a version, which is no quantity then: "Rust 3.0 released"."""
RELEASED = re.compile(
    r"v?\d+(?:\.\d+)+ (?:is |was |been )?(?:released|published|uploaded|announced|shipped|tagged|out)\b",
    re.IGNORECASE,
)
"""What is done with a version, and with no quantity: "openssh 9.9 released"."""
KINDS = [re.compile(pattern) for pattern in (r"\d{1,2}(?::\d\d)+", r"\d+(?:[-/]\d+)+")]
"""Times and dates."""
DATE = re.compile(r"\b(?:\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{4})\b")
"""A date in numbers, which may be of any month and day of the week."""
SHORT = 3
"""Letters of the shortest form of a month or a day: "Dec", "Tue"."""
ENDS = ("s", "ern")
"""What a name may have behind it: "MSPs", "Eastern"."""
DEGREES = {"celsius": "°c", "fahrenheit": "°f"}
"""How they are written behind a number."""
TAG = re.compile(r"<[^<>]*>")


def identifiers(question: str) -> list[str]:
    """The identifiers of a question, as they are written there: versions, times, names of variables."""
    return [text for text, _ in _identified(as_displayed(question[:READ]))]


def _identified(question: str) -> list[tuple[str, Span]]:
    measured = [one.span for one in sentence_of(question).quantities]
    found = []
    for match in TOKEN.finditer(question):
        token = _bare(match[0].rstrip(".:"))
        is_measured = any(begin <= match.start() < end for begin, end in measured)
        is_measured &= NAMED.search(question, max(0, match.start() - LONGEST), match.start()) is None
        is_measured &= RELEASED.match(question, match.start()) is None
        is_one = IDENTIFIER.fullmatch(token) or CAMEL.fullmatch(token)
        if len(token) <= LONGEST and not is_measured and is_one:
            found.append((token, (match.start(), match.start() + len(token))))
    return found[:MOST]


def has(identifier: str, text: str) -> bool:
    """Whether a text has an identifier; "3.1" is not in "3.13", and is in "3.1.2"."""
    pattern = rf"(?<![\w.]){re.escape(identifier.lower())}(?![^\W_])"
    return re.search(pattern, as_displayed(text).lower()) is not None


def says(identifier: str, text: str) -> bool:
    """Whether a text has it where it is read: not in a tag, as of an anchor."""
    return has(identifier, TAG.sub(" ", text))


def unnamed(question: str, texts: Sequence[str]) -> list[str]:
    """Names of the question that none of the texts has, in its order.

    Of several sentences the last one that asks is read: what is told before it need not be in an answer.
    """
    question, whole = _asking(as_displayed(question))[:READ], " ".join(map(as_displayed, texts))
    exact = _identified(question)
    found = [
        (span, _with_its_name(one, question))
        for one, span in exact
        if not has(one, whole) and _has_its_kind(one, question, whole)
    ]
    years = YEAR.findall(whole)
    if years:
        found += [(match.span(), match[0]) for match in YEAR.finditer(question) if match[0] not in years]
    if not is_foreign(question):
        taken = [span for _, span in exact]
        taken += [one.span for one in sentence_of(question).quantities]
        found += [
            (span, name)
            for span, name in _names(question)
            if not any(begin <= span[0] < end for begin, end in taken) and not _is_named(name, whole)
        ]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def _asking(question: str) -> str:
    """The last sentence that ends as a question, else the last one."""
    told = [question[begin:end] for begin, end in sentences(question)]
    return next((one for one in reversed(told) if one.endswith("?")), told[-1] if told else question)


def _has_its_kind(identifier: str, question: str, text: str) -> bool:
    """Whether a text has others like it: another version behind the word before it or "version", or another
    time or date.

    Of other identifiers nothing is asked.
    """
    if VERSION.fullmatch(identifier):
        name = _with_its_name(identifier, question).removesuffix(identifier).strip()
        other = rf"\b(?:{re.escape(name)}|version)\s+{VERSION.pattern}"
        return bool(name) and re.search(other, text, re.IGNORECASE) is not None
    kind = next((one for one in KINDS if one.fullmatch(identifier)), None)
    return kind is None or any(kind.fullmatch(_bare(one.rstrip(".,:"))) for one in TOKEN.findall(text))


def _with_its_name(identifier: str, question: str) -> str:
    """A version with the word before it: "Rust 1.95"; others as they are."""
    found = re.search(rf"\w+\s+{re.escape(identifier)}", question)
    return found[0] if found and VERSION.fullmatch(identifier) else identifier


def _names(question: str) -> list[tuple[Span, str]]:
    """Its words with a capital but the first and function words, with which a second sentence begins; none
    where it is written like a title, or in capitals.
    """
    words = sentence_of(question).tokens
    found = list(NAME.finditer(question, words[0].span[1] if words else 0))
    if len(found) >= TITLE_CASE * len(words):
        return []
    names = [(match.span(), _bare(match[0])) for match in found if 1 < len(match[0]) <= LONGEST]
    begins = function_words(DEFAULT_LANGUAGE)
    return [(span, name) for span, name in names if name.isupper() or name.lower() not in begins][:MOST]


def _bare(word: str) -> str:
    """Without a possessive, marks around, and the plural of initials ("CVEs")."""
    word = word.removesuffix("'s").removesuffix("’s").strip("'’")
    return word[:-1] if len(word) > INITIALS[0] and word[:-1].isupper() and word[-1] == "s" else word


def _is_named(name: str, text: str) -> bool:
    read, words, initials = _read(text)
    parts = [one.word for one in sentence_of(_plain(name)).tokens if len(one.word) > 1]
    if not parts or any(part[:STEM] in read or part in initials for part in parts):
        return True
    if any(f"{part}{end}" in words for part in parts for end in ENDS):
        return True
    if any(part in DEGREES and DEGREES[part] in text.lower() for part in parts):
        return True
    if any(_is_dated(part, words, text) for part in parts):
        return True
    return any(len(part) > STEM and get_close_matches(part, read.values(), 1, ALIKE) for part in parts)


def _is_dated(part: str, words: frozenset[str], text: str) -> bool:
    """Whether a name is that of a month or a day, also a short form, which the text has in any form."""
    names = [one for one in language().calendar if len(part) >= SHORT and one.startswith(part)]
    forms = {name[:size] for name in names for size in range(SHORT, len(name) + 1)}
    return bool(names) and (not forms.isdisjoint(words) or DATE.search(text) is not None)


@lru_cache(64)
def _read(text: str) -> tuple[dict[str, str], frozenset[str], frozenset[str]]:
    """The words of a text by their first letters, all of them, and the initials of words that follow each
    other.
    """
    tokens = sentence_of(text).tokens
    plain = [_plain(one.word) for one in tokens]
    runs = "".join(one.word[0] if one.has_capital else " " for one in tokens).split()
    initials = {run[at : at + size] for run in runs for size in INITIALS for at in range(len(run) - size + 1)}
    return {word[:STEM]: word for word in plain}, frozenset(plain), frozenset(initials)


def _plain(word: str) -> str:
    """In lower case without accents."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(one for one in decomposed if not unicodedata.combining(one))
