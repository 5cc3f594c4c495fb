"""Texts to learn from: unpaired, from files and folders as people have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tieback.core.errors import StartupError

PARAGRAPHS, LINES = (".txt", ".md"), (".jsonl",)
FEWEST_WORDS = 4
"""A string of fewer is a label, a name or a heading."""


def text_files(places: Iterable[Path]) -> list[Path]:
    """The text files among the files and in the folders. StartupError where one is not there, or none is."""
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise StartupError(f"there is no file or folder {place}")
        below = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        found += [path for path in below if path.suffix.lower() in PARAGRAPHS + LINES]
    if not found:
        kinds = ", ".join(PARAGRAPHS + LINES)
        raise StartupError(f"there are no texts to learn from; name files or folders of {kinds}: --data DIR")
    return list(dict.fromkeys(found))


def read_texts(files: Iterable[Path], *, most: int, seed: int) -> list[str]:
    """Paragraphs of .txt and .md, and every string of four words or more in the objects of .jsonl.

    Each once, and at most `most`, drawn by the seed, in their order. StartupError where a line is no JSON.
    """
    texts = list(dict.fromkeys(text for path in files for text in _texts_of(path)))
    if len(texts) <= most:
        return texts
    chosen = np.sort(np.random.default_rng(seed).choice(len(texts), most, replace=False))
    return [texts[place] for place in chosen]


def _texts_of(path: Path) -> Iterator[str]:
    whole = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() in PARAGRAPHS:
        strings: Iterable[str] = whole.split("\n\n")
    else:
        lines = enumerate(whole.split("\n"), 1)
        strings = (text for number, line in lines for text in _line(path, number, line))
    for text in strings:
        words = text.split()
        if len(words) >= FEWEST_WORDS:
            yield " ".join(words)


def _line(path: Path, number: int, line: str) -> Iterator[str]:
    if not line.strip():
        return
    try:
        yield from _strings(json.loads(line))
    except ValueError as error:
        raise StartupError(f"{path.name}, line {number}: this is not JSON ({error})") from None


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
