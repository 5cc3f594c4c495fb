"""Triplets to learn from: a photo, words that change it, and the photo that is meant.

A file has one on each line: ``{"photo": "a.jpg", "text": "but red", "target": "b.jpg"}``. Photos are named
from the folder of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.training.data.texts import files_of, json_lines

KEYS = ("photo", "text", "target")


@dataclass(frozen=True, slots=True)
class Triplet:
    """A photo, words, the photo that is meant, and the line that says so."""

    photo: Path
    text: str
    target: Path
    place: str


def triplet_files(places: Iterable[Path]) -> list[Path]:
    """The files of triplets among the files and in the folders. StartupError where there is none."""
    return files_of(places, (".jsonl",), "triplets")


def read_triplets(files: Iterable[Path]) -> list[Triplet]:
    """All triplets. InvalidInput names the line of what is none, or whose photo is not there."""
    found: list[Triplet] = []
    for file in files:
        for number, value in enumerate(json_lines(file), 1):
            found.append(_triplet(value, file.parent, f"{file.name}, triplet {number}"))
    return found


def _triplet(value: Any, folder: Path, place: str) -> Triplet:
    if not isinstance(value, dict) or any(not isinstance(value.get(key), str) for key in KEYS):
        raise InvalidInput(f"{place}: a triplet has the texts {', '.join(KEYS)}", field="data")
    if unknown := sorted(value.keys() - set(KEYS)):
        raise InvalidInput(f"{place}: a triplet has no {unknown[0]!r}", field="data")
    if not value["text"].strip():
        raise InvalidInput(f"{place}: the text is empty", field="data")
    photo, target = folder / value["photo"], folder / value["target"]
    for one in (photo, target):
        if not one.is_file():
            raise InvalidInput(f"{place}: there is no file {one}", field="data")
    if photo == target:
        raise InvalidInput(f"{place}: the photo and the target are one", field="data")
    return Triplet(photo, value["text"], target, place)
