"""Pairs of texts that mean the same, or of which the second follows from the first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.training.data.texts import CELLS, LINES, files_of, json_lines

KEYS = (("premise", "hypothesis"), ("text", "same"), ("query", "passage"), ("a", "b"))
"""By which names a line of JSON has the two texts; the first that are there count."""

LABEL, SAME = "label", "entailment"
"""Of lines with a label, those with this one are pairs."""

TextPair = tuple[str, str]


def pair_files(places: Iterable[Path]) -> list[Path]:
    """The files of pairs among the files and in the folders. StartupError where none is there."""
    return files_of(places, (*LINES, *CELLS), "pairs of texts")


def read_text_pairs(files: Iterable[Path], *, most: int, fewest: int, seed: int) -> list[TextPair]:
    """Lines of .jsonl by KEYS, and of .tsv with two cells: at most `most`, drawn by the seed, in their order.

    A text is in one pair alone, so that no other of a batch has its meaning by chance: the first counts.
    InvalidInput, with the field "data", where there are fewer than `fewest`. StartupError where a line is no
    JSON.
    """
    seen: set[str] = set()
    pairs: list[TextPair] = []
    for path in files:
        for left, right in _lines(path):
            if left.strip() and right.strip() and left != right and not seen & {left, right}:
                seen |= {left, right}
                pairs.append((left, right))
    if len(pairs) < fewest:
        known = " or ".join(f'"{left}" and "{right}"' for left, right in KEYS)
        raise InvalidInput(
            f"there are {len(pairs)} pairs of texts to learn from, and it takes {fewest}; a pair is a line "
            f'of JSON with {known} (of lines with a "{LABEL}", those of "{SAME}"), or of two cells in a .tsv',
            field="data",
        )
    draw = np.random.default_rng(seed)
    chosen = np.sort(draw.permutation(len(pairs))[:most])
    return [pairs[place] for place in chosen]


def _lines(path: Path) -> Iterator[TextPair]:
    if path.suffix.lower() in CELLS:
        for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
            cells = line.split("\t")
            if len(cells) == 2:
                yield cells[0], cells[1]
        return
    for said in json_lines(path):
        yield from _of_json(said)


def _of_json(said: Any) -> Iterator[TextPair]:
    if not isinstance(said, dict) or said.get(LABEL, SAME) != SAME:
        return
    for left, right in KEYS:
        one, other = said.get(left), said.get(right)
        if isinstance(one, str) and isinstance(other, str):
            yield one, other
            return
