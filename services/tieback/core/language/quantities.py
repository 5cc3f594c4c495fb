"""Quantities of a sentence in comparable units: "two megabytes" is 2 MB, and a month about 30 days. English.

A rate ("every ten minutes", "six an hour", "twice a day", "nightly") is the time from one to the next. What
has no unit is counted in its thing: 200 people. What is free of charge costs nothing, in every currency.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tieback.core.language.data import language
from tieback.core.language.tokens import FORM, Token
from tieback.core.terms import DEFAULT_LANGUAGE, function_words
from tieback.core.types.arrays import Span

UNITS = language().units
MONEY = sorted({dimension for dimension, _ in UNITS.values() if dimension.startswith("money")})
COUNT = "count of "
"""What the dimension of a number of things begins with."""
TOLERANCE = 0.07
"""A month has 28 to 31 days, a MiB 1.05 MB: nearer than this two quantities are the same."""

_RATES = {"hourly": "hour", "daily": "day", "nightly": "day", "weekly": "week"}
_DAYS = {"night": "day", "morning": "day", "evening": "day"}
_PERIOD = r"(?P<{0}>second|minute|hour|day|night|morning|evening|week|month|quarter|year)s?"
_NUMBER = r"(?<![\d,])\d[\d,]*(?:\.\d+)?"
_BEFORE = ("after", "within", "for", "to", "than", "least", "most", "about", "takes", "lasts", "in", "is")
_ONE = "|".join(rf"(?<=\b{word}\s)" for word in _BEFORE)
"""Words after which "a month" is a quantity; elsewhere it is mostly what something is counted by."""
_FREE = (
    r"free\s+of\s+charge|for\s+free|(?:is|are)\s+free(?=\s+for\b|\s*[.,;])|costs?\s+nothing"
    r"|without\s+(?:a\s+|any\s+)?(?:charge|fee)s?"
    r"|no\s+(?:extra\s+|additional\s+)?(?:charge|fee)s?|(?:not|n['’]t)\s+(?:have\s+to\s+)?pay"
)
_WORDS = sorted((word for word in UNITS if word.isalpha()), key=len, reverse=True)
_FORMS = re.compile(
    rf"""
    \bevery\s+(?:(?P<step>{_NUMBER})\s+)?{_PERIOD.format("each")}\b
    | (?:(?P<count>{_NUMBER})|\b(?P<once>once|twice|one))(?:\s+[a-z]+){{0,2}}?\s+(?:an?|per|each|every)
      \s+(?:(?P<of>{_NUMBER})\s+)?{_PERIOD.format("per")}\b
    | \b(?P<rate>{"|".join(_RATES)})\b
    | \b(?P<free>{_FREE})\b
    | \b(?P<again>twice|(?:only|just|exactly)\s+once)\b
    | (?P<sign>[€$£])\s*(?P<sum>{_NUMBER})
    | (?P<half>\bhalf\s+an?\s+|\ban?\s+quarter\s+of\s+an?\s+)(?P<halved>hour|day|month|year)\b
    | (?<![\w.])(?P<number>{_NUMBER}|(?:{_ONE})an?(?=\s))[\s-]*(?P<unit>%|€|(?:{"|".join(_WORDS)})s?\b)
      (?P<more>\s+and\s+a\s+half)?
    | (?<![\w.])(?P<things>{_NUMBER})\s+(?P<thing>[a-z]{{4,}})\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


OVER, UNDER, LIMIT = "over", "under", "limit"
_BOUND = re.compile(
    rf"""
    \b(?:
      (?P<{LIMIT}>not?\s+[a-z]+\s+than|up\s+to|at\s+(?:most|least)|within|until|(?:(?:max|min)imum|limit)(?:\s+of)?)
    | (?P<{UNDER}>(?:less|fewer|(?:short|small|low|light|young)er)\s+than|under|below|nearly|almost)
    | (?P<{OVER}>(?:more|[a-z]+er)\s+than|over|above|exceed(?:s|ed|ing)?)
    )\s*$
    """,
    re.VERBOSE | re.IGNORECASE,
)
_BOUND_REACH = 30
"""Characters before a quantity that are looked at for it."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity in the base unit of its dimension, and its characters.

    What is meant may be more or less than it says: `OVER` in "more than two weeks", `UNDER` in "less than an
    hour", `LIMIT` in "up to 5 MB".
    """

    dimension: str
    value: float
    span: Span
    bound: str = ""


def quantities_of(text: str, tokens: Sequence[Token]) -> list[Quantity]:
    """The quantities that a text states, in their order."""
    read, places = _in_digits(text, tokens)
    return [
        Quantity(dimension, value, (_place(begin, places), _place(end, places)), _bound(read, (begin, end)))
        for dimension, value, (begin, end) in _found(read)
    ]


def single_quantities(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Those that are the only ones of their dimension, by it; without what is counted in things."""
    found = [one for one in quantities if not one.dimension.startswith(COUNT)]
    names = [one.dimension for one in found]
    return {one.dimension: one for one in found if names.count(one.dimension) == 1}


def same(one: float, other: float) -> bool:
    """Whether two quantities of a dimension are the same, in round figures."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))


def agree(one: Quantity, other: Quantity) -> bool:
    """Whether both can be meant of one thing: they are the same, or 30 days and "more than two weeks"."""
    pairs = ((one, other), (other, one))
    return same(one.value, other.value) or any(
        not exact.bound
        and (
            (rough.bound == OVER and exact.value > rough.value)
            or (rough.bound == UNDER and exact.value < rough.value)
        )
        for exact, rough in pairs
    )


def _bound(text: str, span: Span) -> str:
    found = _BOUND.search(text, max(0, span[0] - _BOUND_REACH), span[0])
    return "" if found is None else found.lastgroup or ""


def _found(text: str) -> Iterator[tuple[str, float, Span]]:
    for found in _FORMS.finditer(text):
        span = found.span()
        if found["each"]:
            yield "rate", _number(found["step"] or "1") * _seconds(found["each"]), span
        elif found["per"]:
            times = {"once": 1.0, "one": 1.0, "twice": 2.0}.get(_lower(found["once"] or "")) or _number(
                found["count"]
            )
            if times:
                yield "rate", _number(found["of"] or "1") * _seconds(found["per"]) / times, span
        elif found["rate"]:
            yield "rate", _seconds(_RATES[_lower(found["rate"])]), span
        elif found["free"]:
            yield from ((name, 0.0, span) for name in MONEY)
        elif found["again"]:
            yield "repetitions", 2.0 if _lower(found["again"]) == "twice" else 1.0, span
        elif found["sign"]:
            yield UNITS[found["sign"]][0], _number(found["sum"]), span
        elif found["half"]:
            part = 2 if _lower(found["half"]).startswith("half") else 4
            yield "time", _seconds(found["halved"]) / part, span
        elif found["thing"]:
            word = _lower(found["thing"])
            if word not in function_words(DEFAULT_LANGUAGE):
                yield f"{COUNT}{word[:FORM]}", _number(found["things"]), span
        else:
            word = _lower(found["unit"])
            dimension, size = UNITS.get(word) or UNITS[word.removesuffix("s")]
            number = _lower(found["number"])
            value = 1.0 if number in ("a", "an") else _number(number)
            yield dimension, (value + 0.5 * bool(found["more"])) * size, span


_ALIKE = str.maketrans("ıİſ\u212a", "iisk")
"""Letters that a pattern takes for these where case is ignored; the last is the sign of Kelvin."""


def _lower(word: str) -> str:
    return word.translate(_ALIKE).lower()


def _seconds(word: str) -> float:
    word = _lower(word)
    return UNITS[_DAYS.get(word, word)][1]


def _number(written: str) -> float:
    return float(written.replace(",", ""))


def _in_digits(text: str, tokens: Sequence[Token]) -> tuple[str, list[tuple[int, int]]]:
    """The text with written numbers in digits, "one" before a unit too; and where parts of it stand in the
    text as written, as pairs of places that rise.
    """
    parts, places, done, size = [], [(0, 0)], 0, 0
    for place, one in enumerate(tokens):
        begin, end = one.span
        is_one = one.word == "one" and any(_is_unit(behind.word) for behind in tokens[place + 1 : place + 2])
        number = "1" if is_one else one.number
        if not number or begin < done or text[begin:end].replace(",", "") == number:
            continue
        parts += [text[done:begin], number]
        size += begin - done + len(number)
        done = end
        places += [(size - len(number), begin), (size, end)]
    return "".join((*parts, text[done:])), places


def _place(read: int, places: Sequence[tuple[int, int]]) -> int:
    """Where a character of the text in digits stands in the text as written."""
    here, written = places[bisect_right(places, read, key=lambda one: one[0]) - 1]
    return written + read - here


def _is_unit(word: str) -> bool:
    return word in UNITS or word.removesuffix("s") in UNITS
