"""Data of languages: months, negations, units and the like, one file for each language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from importlib import resources
from typing import Any

from tieback.core.text.terms import DEFAULT_LANGUAGE

NONE: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Language:
    """Words of a language in lower case; README.md says what each list is for.

    `asks` are patterns of questions, by what they ask for; `one` are words that are a number before a unit
    alone; `magnitudes` are what a number before them is multiplied by; `units` are the size of each in the
    base unit of its dimension, with that dimension.
    """

    name: str
    months: frozenset[str] = NONE
    days: frozenset[str] = NONE
    times: frozenset[str] = NONE
    negations: frozenset[str] = NONE
    negating_ending: str = "\0"
    possessive: str = "\0"
    answers: frozenset[str] = NONE
    number_words: frozenset[str] = NONE
    within_numbers: frozenset[str] = NONE
    ends_of_numbers: frozenset[str] = NONE
    ordinal_endings: frozenset[str] = NONE
    before_months: frozenset[str] = NONE
    bounds: frozenset[str] = NONE
    vague_numbers: frozenset[str] = NONE
    prepositions: frozenset[str] = NONE
    reasons: frozenset[str] = NONE
    be: frozenset[str] = NONE
    auxiliaries: frozenset[str] = NONE
    agent: str = ""
    participle_endings: frozenset[str] = NONE
    irregular_participles: frozenset[str] = NONE
    adverb_ending: str = "\0"
    ordinals_have_stops: bool = False
    before_ordinals: frozenset[str] = NONE
    asks: Mapping[str, str] = field(default_factory=dict)
    one: Mapping[str, str] = field(default_factory=dict)
    magnitudes: Mapping[str, int] = field(default_factory=dict)
    units: Mapping[str, tuple[str, float]] = field(default_factory=dict)

    @cached_property
    def calendar(self) -> frozenset[str]:
        """Names of months and days of the week."""
        return self.months | self.days

    @cached_property
    def when(self) -> frozenset[str]:
        """All words that say when."""
        return self.calendar | self.times

    @cached_property
    def of_numbers(self) -> frozenset[str]:
        """Words that are a number, or a part of one."""
        return self.number_words | self.magnitudes.keys() | self.ordinal_endings

    @cached_property
    def participles(self) -> tuple[str, ...]:
        """Endings of participles."""
        return tuple(sorted(self.participle_endings))


@cache
def language(name: str = DEFAULT_LANGUAGE) -> Language:
    """Reads the data of a language; empty where it has no file. TypeError where a list has another name."""
    file = resources.files(__package__) / f"{name}.toml"
    if not file.is_file():
        return Language(name)
    read = tomllib.loads(file.read_text("utf-8"))
    lists = {one.name for one in fields(Language) if one.type == "frozenset[str]"}
    words: dict[str, Any] = {
        key: frozenset(said.split()) if key in lists else said for key, said in read.items()
    }
    return Language(name, **words | {"units": _units(read.get("units", {}))})


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a file, by name."""
    names = (one.name for one in resources.files(__package__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def _units(dimensions: Mapping[str, Mapping[str, str]]) -> Mapping[str, tuple[str, float]]:
    return {
        word: (dimension, float(size))
        for dimension, sizes in dimensions.items()
        for size, words in sizes.items()
        for word in words.split()
    }
