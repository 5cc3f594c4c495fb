"""Texts to learn from: unpaired, from files and folders as people have them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tieback.core.errors import StartupError

PARAGRAPHS, LINES, CELLS = (".txt", ".md"), (".jsonl",), (".tsv",)
KNOWN = (*PARAGRAPHS, *LINES, *CELLS)
FEWEST_WORDS = 4
"""A string of fewer is a label, a name or a heading."""


SAMPLE = """\
The Danube rises in the Black Forest of Germany and flows for some 2,850 kilometres to the Black \
Sea, passing through ten countries and four capitals: Vienna, Bratislava, Budapest and Belgrade. For \
centuries it was the frontier of the Roman Empire. Today it carries grain, ore and passengers, and \
since 1992 a canal has joined it to the Rhine and so to the North Sea.

Question: Which sea does the river flow into?
Answer: It flows into the Black Sea, through a delta in Romania and Ukraine.

To install the package, create a virtual environment and run `pip install .` in its folder. The server reads \
its settings from the environment; a setting that it does not know stops it with a message. If the port is \
taken, choose another one with --port.

- A dozen is 12, a score is 20, and a gross is 144.
- Water freezes at 0 °C and boils at 100 °C at sea level.

"I did not expect to see you here," said Anna, closing the door behind her. The rain had stopped, but the \
street was still empty, and nobody had lit the lamps. He turned the letter over twice before he answered.
"""


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


def files_of(places: Iterable[Path], suffixes: Sequence[str], called: str) -> list[Path]:
    """The files with these suffixes among the files and in the folders, each once, those of a folder sorted.

    StartupError where a place is not there, or where there is no such file; `called` is their name in it.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise StartupError(f"there is no file or folder {place}")
        below = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        found += [path for path in below if path.suffix.lower() in suffixes]
    if not found:
        raise StartupError(
            f"there are no {called} to learn from; name files or folders of {', '.join(suffixes)}: --data DIR"
        )
    return list(dict.fromkeys(found))
