"""Quantities of a sentence in comparable units: "two megabytes" is 2 MB, and a month about 30 days.

What has no unit is counted in its thing: 200 people. Rates, shares and what is free are not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tieback_contract.arrays import Span

from tieback.core.language.data import Language
from tieback.core.language.tokens import FORM, Token

TOLERANCE = 0.07
"""A month has 28 to 31 days, a MiB 1.05 MB: nearer than this two quantities are the same."""
COUNT = "count of "
"""Beginning of the dimension of a number of things."""
BOUND_REACH = 2
"""Words before a number that may make it a bound: "more than 20 minutes"."""


class Quantity(NamedTuple):
    """A quantity in the base unit of its dimension, and its characters.

    Of one that `is_bound`, more or less may be meant.
    """

    dimension: str
    value: float
    span: Span
    is_bound: bool = False


def quantities_of(text: str, tokens: Sequence[Token], known: Language) -> Iterator[Quantity]:
    """The quantities that a text states, in their order."""
    for place, one in enumerate(tokens):
        number = one.number or known.one.get(one.word, "")
        if not number:
            continue
        begin, end = one.span
        is_bound = any(before.word in known.bounds for before in tokens[max(0, place - BOUND_REACH) : place])
        before, behind = text[:begin].rstrip()[-1:], text[end:].lstrip(" -")
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        sign = before if before in known.units else behind[:1]
        if sign in known.units and not sign.isalpha():
            dimension, size = known.units[sign]
            yield Quantity(dimension, float(number) * size, one.span, is_bound)
        elif following is not None and text[end : following.span[0]].strip(" -") == "":
            last = following.span[1]
            unit = known.units.get(following.word) or known.units.get(following.word.removesuffix("s"))
            if unit is not None:
                yield Quantity(unit[0], float(number) * unit[1], (begin, last), is_bound)
            elif one.number and following.is_content:
                yield Quantity(f"{COUNT}{following.word[:FORM]}", float(number), (begin, last), is_bound)


def measured(quantities: Iterable[Quantity]) -> dict[str, Quantity]:
    """Those that are the only ones of their dimension, by it; without what is counted in things."""
    found = [one for one in quantities if not one.dimension.startswith(COUNT)]
    names = [one.dimension for one in found]
    return {one.dimension: one for one in found if names.count(one.dimension) == 1}


def same(one: float, other: float) -> bool:
    """Tell whether two quantities of a dimension are the same, in round figures."""
    return abs(one - other) <= TOLERANCE * max(abs(one), abs(other))
