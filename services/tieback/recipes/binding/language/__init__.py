"""Sentences written for binding: what photos of a class often show, and what speaks of no photo and no sound.

scenes.txt          CLASS | SENTENCE; SENTENCE…   captions of photos that a classifier takes for the class
neutral.txt         a sentence a line             questions, headlines, definitions, abstracts, instructions
neutral_about.txt   a template a line             the same about a thing, {} being the name of any class
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files


@cache
def _lines(name: str) -> tuple[str, ...]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip())


def scenes(names: Sequence[str]) -> list[tuple[int, str]]:
    """What photos of the classes of these names show: places in `names` with a sentence each."""
    places = {name: place for place, name in enumerate(names)}
    found = []
    for line in _lines("scenes.txt"):
        name, _, said = line.partition(" | ")
        if name in places:
            found += [(places[name], one.strip()) for one in said.split(";")]
    return found


def neutral(names: Sequence[str]) -> list[str]:
    """Sentences that speak of nothing that is seen or heard, some of them about things of these names."""
    about = _lines("neutral_about.txt")
    # A thing is asked about in one way, and the ways take turns.
    return [
        *_lines("neutral.txt"),
        *(about[place % len(about)].format(name) for place, name in enumerate(names)),
    ]
