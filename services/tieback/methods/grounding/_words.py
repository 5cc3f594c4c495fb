"""Numbers and negations in which two sentences differ."""

from __future__ import annotations

from collections.abc import Collection

from tieback.core.language import Sentence
from tieback.core.plain_numbers import has_number


def lacking(stated: Sentence, said: Collection[str]) -> bool:
    """Whether a number that is stated is not among those that are said."""
    return any(not has_number(number, said) for number in stated.numbers)


def conflicts(stated: Sentence, said: Sentence) -> bool:
    """Whether two texts about the same matter say different things of it."""
    if lacking(stated, said.numbers) and set(said.numbers) - set(stated.numbers):
        return True
    # "10 volumes" is not in "three volumes and ten chapters", though both its words are.
    for number, thing in stated.counts - said.counts:
        others = [other for other, counted in said.counts if counted == thing]
        if others and not has_number(number, others):
            return True
    shared = set(stated.stems) & set(said.stems)
    return bool((stated.negated ^ said.negated) & shared)
