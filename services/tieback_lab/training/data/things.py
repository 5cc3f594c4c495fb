"""Things of several parts to learn a fusion from.

A file has one on each line: ``{"parts": {"title": "Red boots", "photo": {"file": "a.png"}}, "label": "b"}``.
A part is a text, or a file that is named from the folder of the file; one that is left out is missing. A
thing may have a "label", its class; a "group", whose things belong together (a pair is a group of two); and a
"condition", a text. Things without labels and groups are learned from what occurs together in each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback.core.errors import InvalidInput
from tieback.training.data.texts import files_of, json_lines

KEYS = frozenset({"parts", "label", "group", "condition"})


@dataclass(frozen=True, slots=True)
class ThingToLearn:
    """Parts by name, texts or files; its class, its group and its condition, empty for none; and its line."""

    parts: Mapping[str, str | Path]
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
    parts: dict[str, str | Path] = {}
    for name, one in value["parts"].items():
        if isinstance(one, str) and one.strip():
            parts[name] = one
        elif isinstance(one, dict) and one.keys() == {"file"} and isinstance(one["file"], str):
            parts[name] = folder / one["file"]
            if not (folder / one["file"]).is_file():
                raise _wrong(place, f"parts.{name}: there is no file {folder / one['file']}")
        else:
            raise _wrong(
                place,
                f'parts.{name}: a part is a text that is not empty, or {{"file": NAME}}; or is left out',
            )
    if not parts:
        raise _wrong(place, "parts: every part is missing")
    return ThingToLearn(
        parts, value.get("label", ""), value.get("group", ""), value.get("condition", ""), place
    )


def _wrong(place: str, fault: str) -> InvalidInput:
    return InvalidInput(f"{place}: {fault}", field="data")
