"""Contents to learn conditions from: each with the labels that it has, by condition.

A file has one on each line: ``{"file": "a.jpg", "labels": {"colour": "red", "shape": "ring"}}`` for photos
and sounds, with "text" in place of "file" for texts. Files are named from the folder of the file of lines. A
content may lack some of the labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.training.data.texts import files_of, json_lines

FILE, TEXT, LABELS = "file", "text", "labels"


@dataclass(frozen=True, slots=True)
class LabelledContent:
    """A file or a text, its labels by condition, and the line that says so."""

    data: Path | str
    labels: Mapping[str, str]
    place: str


def labelled_files(places: Iterable[Path]) -> list[Path]:
    """The files of lines among the files and in the folders. StartupError where there is none."""
    return files_of(places, (".jsonl",), "contents with labels")


def read_labelled(files: Iterable[Path], *, texts: bool) -> list[LabelledContent]:
    """All contents. InvalidInput names the line of what is none; with `texts` they are texts."""
    return [
        _content(value, file.parent, f"{file.name}, line {number}", TEXT if texts else FILE)
        for file in files
        for number, value in enumerate(json_lines(file), 1)
    ]


def _content(value: Any, folder: Path, place: str, key: str) -> LabelledContent:
    if not isinstance(value, dict) or value.keys() != {key, LABELS} or not isinstance(value[key], str):
        raise InvalidInput(f"{place}: a content has a {key!r} and {LABELS!r}, and no more", field="data")
    labels = value[LABELS]
    if not isinstance(labels, dict) or not labels or not all(isinstance(v, str) for v in labels.values()):
        raise InvalidInput(f"{place}: labels are texts by condition, at least one", field="data")
    if key == TEXT:
        if not value[key].strip():
            raise InvalidInput(f"{place}: the text is empty", field="data")
        return LabelledContent(value[key], labels, place)
    path = folder / value[key]
    if not path.is_file():
        raise InvalidInput(f"{place}: there is no file {path}", field="data")
    return LabelledContent(path, labels, place)
