"""Things of several parts to learn a fusion from.

A file has one on each line: ``{"parts": {"title": "Red boots", "photo": {"file": "a.png"}}, "label": "b"}``.
A part is a text, or a file that is named from the folder of the file; one that is left out is missing. For
methods that take rounds it may be a list of these (``["Is it red?", "No, green"]``), in their order. A thing
may have a "label", its class; a "group", whose things belong together (a pair is a group of two); and a
"condition", a text. Things without labels and groups are learned from what occurs together in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.training.data.texts import files_of, json_lines

KEYS = frozenset({"parts", "label", "group", "condition"})


@dataclass(frozen=True, slots=True)
class ThingToLearn:
    """Parts by name, texts or files; its class, its group and its condition, empty for none; and its line.

    Each part is a list: its one text or file, or its rounds in their order.
    """

    parts: Mapping[str, Sequence[str | Path]]
    label: str
    group: str
    condition: str
    place: str


def thing_files(places: Iterable[Path]) -> list[Path]:
    """The files of things among the files and in the folders. StartupError where there is none."""
    return files_of(places, (".jsonl",), "things")


def read_things(files: Iterable[Path]) -> list[ThingToLearn]:
    """All things. InvalidInput names the line, and the field in it, of what is none."""
    return [
        _thing(value, file.parent, f"{file.name}, line {number}")
        for file in files
        for number, value in enumerate(json_lines(file), 1)
    ]


def _thing(value: Any, folder: Path, place: str) -> ThingToLearn:
    if not isinstance(value, dict) or not isinstance(value.get("parts"), dict) or value.keys() - KEYS:
        raise _wrong(place, f"a thing has 'parts', and may have {', '.join(sorted(KEYS - {'parts'}))}")
    for key in KEYS - {"parts"}:
        if not isinstance(value.get(key, ""), str):
            raise _wrong(place, f"{key} is a text")
    parts = {
        name: [
            _content(one, folder, f"{place}: parts.{name}")
            for one in (given if isinstance(given, list) else [given])
        ]
        for name, given in value["parts"].items()
    }
    if not all(parts.values()):
        raise _wrong(place, "parts: a list of rounds is empty; leave the part out")
    if not parts:
        raise _wrong(place, "parts: every part is missing")
    return ThingToLearn(
        parts, value.get("label", ""), value.get("group", ""), value.get("condition", ""), place
    )


def _content(value: Any, folder: Path, place: str) -> str | Path:
    """A text, or the path of a file that is there. InvalidInput, with the place, for another value."""
    if isinstance(value, str) and value.strip():
        return value
    if not (isinstance(value, dict) and value.keys() == {"file"} and isinstance(value["file"], str)):
        raise _wrong(
            place,
            'a part is a text that is not empty, or {"file": NAME}, or a list of these; or is left out',
        )
    if not (folder / value["file"]).is_file():
        raise _wrong(place, f"there is no file {folder / value['file']}")
    return folder / value["file"]


def _wrong(place: str, fault: str) -> InvalidInput:
    return InvalidInput(f"{place}: {fault}", field="data")
