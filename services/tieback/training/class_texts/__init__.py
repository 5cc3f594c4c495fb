"""Texts about classes, written to learn from: captions, scenes on photos of them, and neutral sentences.

templates.txt       MODALITY | TEMPLATE           captions of a class of that modality, the bare name first
scenes.txt          CLASS | SENTENCE; SENTENCE…   captions of photos that a classifier takes for the class
neutral.txt         a sentence a line             questions, headlines, definitions, abstracts, instructions
neutral_about.txt   a template a line             the same about a thing, {} being the name of any class
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from tieback_contract.modality import Modality

CAPTION = 1
"""The template that stands for a query: a caption, as people write one."""


@cache
def _lines(name: str) -> tuple[str, ...]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line.strip())


def captions(names: Sequence[str], modality: Modality) -> list[list[str]]:
    """By template of the modality, the caption of every class."""
    rows = [line.split(" | ") for line in _lines("templates.txt")]
    return [[template.format(name) for name in names] for kind, template in rows if kind == modality]


def scenes(names: Sequence[str]) -> list[tuple[int, str]]:
    """What photos of the classes of these names show: places in `names` with a sentence each."""
    places = {name: place for place, name in enumerate(names)}
    found = []
    for line in _lines("scenes.txt"):
        name, _, sentences = line.partition(" | ")
        if name in places:
            found += [(places[name], one.strip()) for one in sentences.split(";")]
    return found


def neutral(names: Sequence[str]) -> list[str]:
    """Sentences that describe nothing that is seen or heard, some of them about things of these names."""
    about = _lines("neutral_about.txt")
    # Each thing has one of the templates, in turn.
    return [
        *_lines("neutral.txt"),
        *(about[place % len(about)].format(name) for place, name in enumerate(names)),
    ]
