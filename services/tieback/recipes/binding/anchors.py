"""Anchors: what says the same in two spaces. The names of classes give the first; the user may give more.

A class is an anchor between a text space (its name, in captions) and a classifier (its prototype). Some
classes are left out of every fit, so that what is measured on them was not learned.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Modality
from tieback.training.splits import Split

TEMPLATES = {
    Modality.IMAGE: ("{}", "a photo of a {}"),
    Modality.AUDIO: ("{}", "the sound of {}", "a recording of {}", "the noise that {} makes"),
    Modality.POINTS: ("{}", "a 3D model of a {}", "a point cloud of a {}", "the shape of a {} in 3D"),
}
"""By modality: ways to say a class in words. The first is the bare name."""

CAPTION = 1
"""The template that stands for what is asked: a caption, as people write one."""


def captions(names: Sequence[str], modality: Modality) -> list[list[str]]:
    """By template, the caption of every class."""
    return [[template.format(name) for name in names] for template in TEMPLATES[modality]]


USER_HELD_OUT, FEWEST_TO_HOLD_OUT = 0.2, 20
"""Of so many of the user's pairs a fifth is measured on; fewer are all fitted with."""
USER_VALIDATION = 0.1
"""Share of them that methods are chosen by, where pairs are all that there is to choose by."""


def split_pairs(count: int, seed: int) -> Split:
    """Places among the user's pairs of a modality, shuffled by the seed."""
    order = np.random.default_rng(seed).permutation(count)
    several = count >= FEWEST_TO_HOLD_OUT
    held_out = round(USER_HELD_OUT * count) if several else 0
    fitted = held_out + (round(USER_VALIDATION * count) if several else 0)
    return Split(np.sort(order[fitted:]), np.sort(order[held_out:fitted]), np.sort(order[:held_out]))


@dataclass(frozen=True, slots=True)
class Pair:
    """A line of the user's: a text, and the photo, sound, point cloud or other text that says the same."""

    line: int
    text: str
    other: Path | str
    modality: Modality


def read_pairs(path: Path) -> list[Pair]:
    """The user's anchors: one JSON object a line, with "text" and one of "image", "audio", "points"
    and "same".

    "image", "audio" and "points" are files, relative to the list's own folder; "same" is another text.
    InvalidInput, its field "anchors", names the first line that is wrong.
    """
    if not path.is_file():
        raise InvalidInput(f"there is no file {path} of anchors", field="anchors")
    pairs: list[Pair] = []
    lines: dict[tuple[str, str], int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if not line.strip():
            continue
        pair = _pair(path, number, line)
        key = (pair.text, str(pair.other))
        if key in lines:
            raise _wrong(path, number, f"this is the pair of line {lines[key]} again; give each once")
        lines[key] = number
        pairs.append(pair)
    if not pairs:
        raise InvalidInput(f"{path.name} holds no anchors", field="anchors")
    return pairs


def _pair(path: Path, number: int, line: str) -> Pair:
    def no_number(word: str) -> Any:
        raise ValueError(f"{word} is no value of an anchor")

    try:
        said = json.loads(line, parse_constant=no_number)
    except ValueError as error:
        raise _wrong(path, number, f"this is not JSON that can be read: {error}") from None
    others = {
        "image": Modality.IMAGE,
        "audio": Modality.AUDIO,
        "points": Modality.POINTS,
        "same": Modality.TEXT,
    }
    given = [name for name in others if name in said] if isinstance(said, dict) else []
    if not isinstance(said, dict) or "text" not in said or len(given) != 1 or set(said) != {"text", given[0]}:
        raise _wrong(
            path, number, 'an anchor has "text" and one of "image", "audio", "points" and "same", and no more'
        )
    text, other = said["text"], said[given[0]]
    if not all(isinstance(one, str) and one.strip() for one in (text, other)):
        raise _wrong(path, number, "both sides of an anchor are strings that are not empty")
    modality = others[given[0]]
    if modality is Modality.TEXT:
        return Pair(number, text, other, modality)
    file = (path.parent / other).resolve()
    if not file.is_file():
        raise _wrong(path, number, f"there is no file {other}")
    return Pair(number, text, file, modality)


def _wrong(path: Path, number: int, fault: str) -> InvalidInput:
    return InvalidInput(f"{path.name}, line {number}: {fault}", field="anchors")
