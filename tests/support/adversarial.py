"""Texts on which a scanner that is not linear takes long, and a measure of that."""

from __future__ import annotations

import time
from collections.abc import Callable

SHAPES = {
    "dots": ".",
    "dots and quotes": '."',
    "closing quotes": "”",
    "stops with spaces": ". ",
    "empty lines": "\n",
    "spaces": " ",
    "tabs": "\t",
    "lines of spaces": "\n" + " " * 99,
    "numbers with stops": "1.1.",
    "digits": "7",
    "digits and commas": "1,",
    "abbreviations": "U.S. ",
    "abbreviations in one word": "e.g.",
    "words that may be abbreviations": "no. ",
    "initials": "A. ",
    "list items": "\n1. ",
    "bullets": "\n- ",
    "one word": "a",
    "words": "a ",
    "apostrophes": "a'",
    "combining characters": "e\N{COMBINING ACUTE ACCENT}",
    "only combining characters": "\N{COMBINING ACUTE ACCENT}",
    "full-width stops": "。",
    "number signs": "# ",
    "rules": "---\n",
    "fences": "```\n",
    "colons": "a: ",
    "control characters": "\x02",
    "no-break spaces": "\N{NO-BREAK SPACE}",
}
"""What is repeated, by a name."""


def text_of(shape: str, characters: int) -> str:
    """A text of that many characters."""
    unit = SHAPES[shape]
    return (unit * (characters // len(unit) + 1))[:characters]


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this thread for one run."""
    began = time.thread_time()
    work()
    return time.thread_time() - began
