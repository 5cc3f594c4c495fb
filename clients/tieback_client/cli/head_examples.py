"""Labelled examples from a folder or a file of lines."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tieback_client.content import Content, Text, content_of

Examples = list[tuple[Content, str]]
"""Contents, each with the name of its class."""


def read_examples(path: Path, option: str) -> Examples:
    """The examples of a folder, whose folders are classes, or of a file with a JSON object on each line.

    A usage error names the line where the object is another; `InvalidArgument` the file that cannot be read.
    """
    found = _of_folder(path) if path.is_dir() else _of_lines(path, option)
    if not found:
        raise click.BadParameter(f"{path} holds no example", param_hint=option)
    return found


def _of_folder(folder: Path) -> Examples:
    return [
        (content_of(path), of_class.name)
        for of_class in sorted(folder.iterdir())
        if of_class.is_dir() and not of_class.name.startswith(".")
        for path in sorted(of_class.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]


def _of_lines(path: Path, option: str) -> Examples:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{path} cannot be read as UTF-8: {error}", param_hint=option) from None
    return [
        _of_line(line, path.parent, f"{path}, line {number}", option)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]


def _of_line(line: str, folder: Path, place: str, option: str) -> tuple[Content, str]:
    try:
        said = json.loads(line)
    except ValueError:
        said = None
    is_good = isinstance(said, dict) and isinstance(said.get("label"), str)
    match said if is_good else None:
        case {"text": str(text)}:
            return Text(text), said["label"]
        case {"file": str(name)}:
            return content_of(folder / name), said["label"]
    raise click.BadParameter(
        f'{place}: it takes a JSON object with "label", and "text" or "file"', param_hint=option
    )
