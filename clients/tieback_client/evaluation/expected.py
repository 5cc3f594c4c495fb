"""Questions with what is expected of their answers, and the file of lines that has them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tieback_contract.generation import ChatMessage, ChatRole

from tieback_client.errors import InvalidArgument

LARGEST_FILE = 64 << 20  # bytes
MOST_QUESTIONS = 100_000
NAMES = {
    "id": str,
    "question": str,
    "answers": list,
    "pattern": str,
    "files": list,
    "answerable": bool,
    "history": list,
}
OTHER_NAMES = {"answer": "answers", "file": "files", "documents": "files"}
"""Also read, since files of questions that exist have them."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A question, and what its answer has to have. Without any of it, the question is open."""

    question: str
    """As it is asked."""
    id: str = ""
    """Names it in reports."""
    answers: tuple[str, ...] = ()
    """Texts of which the answer has to have one."""
    pattern: re.Pattern[str] | None = None
    """Or an expression that has to be found in the answer."""
    files: tuple[str, ...] = ()
    """The items of which one has the answer: ids, or their ends, with or without the suffix of the file."""
    history: tuple[ChatMessage, ...] = ()
    """The earlier messages of the conversation."""

    @property
    def is_open(self) -> bool:
        """True if the collection does not answer it, so that the right thing to do is to abstain."""
        return not (self.answers or self.files or self.pattern)

    def names(self, item_id: str) -> bool:
        """Tell whether an item is one of the files."""
        return any(_is_named(item_id, name) for name in self.files)


def _is_named(item_id: str, name: str) -> bool:
    forms = (item_id, item_id.rpartition(".")[0] or item_id)
    return any(one == name or one.endswith(f"/{name}") for one in forms)


def read_questions(path: Path) -> list[Expected]:
    """The questions of a file of JSON lines. InvalidArgument names the line that cannot be read."""
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise InvalidArgument(
                f"{path} has {size:,} bytes; a file of questions has at most {LARGEST_FILE:,}"
            )
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # texts may have other ends of lines
    except UnicodeDecodeError:
        raise InvalidArgument(f"{path} is not in UTF-8") from None
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(_question(line, number))
            except ValueError as error:
                raise InvalidArgument(f"{path}, line {number}: {error}") from None
    if not found:
        raise InvalidArgument(
            f'{path} has no questions; each line is {{"question": …, "answers": […], "files": […]}}'
        )
    if len(found) > MOST_QUESTIONS:
        raise InvalidArgument(f"{path} has {len(found):,} questions; at most {MOST_QUESTIONS:,} are asked")
    return found


def _question(line: str, number: int) -> Expected:
    try:
        row = json.loads(line)
    except ValueError as error:  # RecursionError is one that nobody writes by accident
        raise ValueError(f"is no JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError("is no object")
    row = {OTHER_NAMES.get(name, name): value for name, value in row.items()}
    for name in ("answers", "files"):
        if isinstance(row.get(name), str):
            row[name] = [row[name]]
    for name, kind in NAMES.items():
        if row.get(name) is not None and not isinstance(row[name], kind):
            raise ValueError(f"{name} is no {_SAID[kind]}")
    for name in ("answers", "files"):
        if not all(isinstance(one, str) and one.strip() for one in row.get(name) or ()):
            raise ValueError(f"{name} has something that is no text")
    if not (row.get("question") or "").strip():
        raise ValueError('has no "question"')
    return _expected(row, number)


def _expected(row: Mapping[str, Any], number: int) -> Expected:
    answers, files = tuple(row.get("answers") or ()), tuple(row.get("files") or ())
    pattern = _compiled(row.get("pattern") or "")
    name = row.get("id") or f"line {number}"
    found = Expected(
        row["question"].strip(), name, answers, pattern, files, _history(row.get("history") or ())
    )
    answerable = row.get("answerable")
    if answerable is False and not found.is_open:
        raise ValueError("is answerable: false, and has answers, a pattern or files")
    if answerable and found.is_open:
        raise ValueError("is answerable: true, and has no answers, no pattern and no files")
    return found


def _history(messages: Sequence[Any]) -> tuple[ChatMessage, ...]:
    try:
        return tuple(ChatMessage(ChatRole(one["role"]), str(one["text"])) for one in messages)
    except (TypeError, KeyError, ValueError):
        raise ValueError(
            'history has something that is no {"role": "user" or "assistant", "text": …}'
        ) from None


def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern, re.I) if pattern else None
    except re.error as error:
        raise ValueError(f"pattern is no regular expression ({error})") from None


_SAID = {str: "text", list: "list of texts", bool: "true or false"}
