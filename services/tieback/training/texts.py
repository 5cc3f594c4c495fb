"""Texts to learn from: unpaired, from files and folders as people have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tieback.core.errors import StartupError
from tieback.training.files import files_of

PARAGRAPHS, LINES, CELLS = (".txt", ".md"), (".jsonl",), (".tsv",)
KNOWN = (*PARAGRAPHS, *LINES, *CELLS)
FEWEST_WORDS = 4
"""A string of fewer is a label, a name or a heading."""


def text_files(places: Iterable[Path]) -> list[Path]:
    """The text files among the files and in the folders. StartupError where one is not there, or none is."""
    return files_of(places, KNOWN, "texts")


def read_texts(files: Iterable[Path], *, most: int, seed: int) -> list[str]:
    """Paragraphs of .txt and .md, strings of .jsonl, cells of .tsv, where they have four words or more.

    Each once, and at most `most`: as many of each file, so that kinds of texts count alike, by the seed and
    in their order. StartupError where a line is no JSON.
    """
    seen: set[str] = set()
    of_files: list[list[str]] = []
    for path in files:
        of_files.append([text for text in dict.fromkeys(_texts_of(path)) if text not in seen])
        seen.update(of_files[-1])
    draw = np.random.default_rng(seed)
    chosen: dict[int, list[str]] = {}
    room = most
    for left, place in enumerate(sorted(range(len(of_files)), key=lambda place: len(of_files[place]))):
        texts = of_files[place]
        share = min(len(texts), room // (len(of_files) - left))
        chosen[place] = [texts[row] for row in np.sort(draw.choice(len(texts), share, replace=False))]
        room -= share
    return [text for place in sorted(chosen) for text in chosen[place]]


def _texts_of(path: Path) -> Iterator[str]:
    whole = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix.lower() in PARAGRAPHS:
        strings: Iterable[str] = whole.split("\n\n")
    elif path.suffix.lower() in CELLS:
        strings = (cell for line in whole.split("\n") for cell in line.split("\t"))
    else:
        strings = (text for line in json_lines(path) for text in _strings(line))
    for text in strings:
        words = text.split()
        if len(words) >= FEWEST_WORDS:
            yield " ".join(words)


def json_lines(path: Path) -> Iterator[Any]:
    """The values of a file with one on each line. StartupError names the first line that is no JSON."""
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").split("\n"), 1):
        if line.strip():
            try:
                yield json.loads(line)
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
