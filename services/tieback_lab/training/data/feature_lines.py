"""Categorical features in lines of JSON, and pairs of things that they describe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tieback.core.errors import StartupError
from tieback.training.data.texts import LINES, files_of, json_lines

THING, OTHER = "features", "same"
EXAMPLE = '{"features": {"user": "u17", "likes": ["jazz", "tea"]}, "same": {"page": "p3"}}'

Thing = Mapping[str, tuple[str, ...]]
"""By feature, the values of something, ascending and each once."""


def one_value(value: Any) -> str:
    """A value as it is hashed. TypeError where it is none: a text, a number, or true or false."""
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(value)


def thing_of(said: Any) -> dict[str, tuple[str, ...]]:
    """What JSON says of a thing: by feature one value, or a list. TypeError where it says something else."""
    if not isinstance(said, dict):
        raise TypeError(said)
    found = {}
    for name, given in said.items():
        values = sorted({one_value(one) for one in (given if isinstance(given, list) else [given])} - {""})
        if values:
            found[name] = tuple(values)
    return found


def pair_files(places: Iterable[Path]) -> list[Path]:
    """The files of pairs among the files and in the folders. StartupError where none is there."""
    return files_of(places, LINES, "pairs of features")


def read_feature_pairs(files: Iterable[Path]) -> list[tuple[Thing, Thing]]:
    """The pairs of all lines, each once, in their order. StartupError, with the line, where one is none."""
    pairs: dict[tuple[Any, ...], tuple[Thing, Thing]] = {}
    for file in files:
        for number, said in enumerate(json_lines(file), start=1):
            try:
                left, right = thing_of(said[THING]), thing_of(said[OTHER])
                if not left or not right or "" in left or "" in right:
                    raise ValueError(said)
            except (KeyError, TypeError, ValueError) as error:
                raise StartupError(
                    f"{file.name}, line {number}, is no pair of features; one is {EXAMPLE}"
                ) from error
            pairs.setdefault((*sorted(left.items()), None, *sorted(right.items())), (left, right))
    return list(pairs.values())
