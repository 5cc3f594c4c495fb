"""How quotes are shown: without the marks that lists, tables and code have where they stand."""

from __future__ import annotations

import html
import json
import re

from tieback.core.inline_html import untagged

_FENCE = re.compile(r"^[ \t]*(?:```|\.\. (?:code|code-block|sourcecode)::)[^\n]*(?:\n|\Z)", re.MULTILINE)
_FENCES = re.compile(r"^[ \t]*```", re.MULTILINE)
_CELL = re.compile(r"<t[hd]\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"!?\[([^\[\]]+)\]\([^()\s]*\)")
_REFERENCE = re.compile(r"`([^`<>]{1,300}) <[^<>`\s]{1,2000}>`__?")
"""A link of reStructuredText."""
_BOLD = re.compile(r"(?<![\w*])\*\*(?=[^\s*])([^*]{1,300})(?<=[^\s*])\*\*(?![\w*])")
_REMARK = re.compile(r"<!--[^<>]*-->")
_BAR = re.compile(r"(?<!\\)\|")


def stands_in_code(text: str, begin: int) -> bool:
    """Whether a byte of a text is between two fences."""
    return len(_FENCES.findall(text.encode()[:begin].decode(errors="replace"))) % 2 == 1


def readable(before: str, quote: str, *, is_code: bool = False) -> tuple[str, str]:
    """What stands before a quote, and the quote: a row by its cells, with the names of its columns where the
    line before has them, and code by its lines.
    """
    if (record := _record(quote)) is not None:
        return before, record
    if is_code and "\n" in quote:
        return before, "".join(f"\n    {line.rstrip()}" for line in quote.split("\n")) + "\n"
    head, _, names = before.rstrip("\n").rpartition("\n")
    columns = names.strip().split(" | ") if before.endswith("\n") else []
    if (cells := _cells(quote, is_row=bool(columns))) is None:
        return before, _in_a_sentence(quote)
    named = columns if len(columns) == len(cells) else [""] * len(cells)
    told = (f"{name}: {cell}" if name else cell for name, cell in zip(named, cells, strict=True) if cell)
    if columns:
        before = f"{head} " if head else " " * before[:1].isspace()
    return before, " · ".join(told)


def _record(quote: str) -> str | None:
    """A line of JSON by its names and values, where none of these holds others; None where it is none."""
    try:
        values = json.loads(quote.strip().removesuffix(",")) if quote[:1] == "{" else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(values, dict) or any(isinstance(one, dict | list) for one in values.values()):
        return None
    told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return " · ".join(f"{name}: {value}" for name, value in told.items())


def _cells(quote: str, *, is_row: bool) -> list[str] | None:
    """The cells of a row; None where it is none."""
    words = " ".join(quote.split())
    if words.lower().startswith("<tr"):
        return [" ".join(html.unescape(_TAG.sub(" ", one)).split()) for one in _CELL.split(words)[1:]]
    if not words.startswith("|") and not (is_row and _BAR.search(words)):
        return None
    cells = _BAR.split(words.removeprefix("|").removesuffix("|"))
    return [untagged(one.replace("\\|", "|")).strip() for one in cells]


def _in_a_sentence(quote: str) -> str:
    """A quote in one line; code by its lines."""
    words = _LINK.sub(r"\1", " ".join(untagged(_REMARK.sub(" ", quote)).split()))
    words = _BOLD.sub(r"\1", _REFERENCE.sub(r"\1", words))
    if words[:2] in ("- ", "* ", "+ "):
        return words[2:]
    lead, *code = _FENCE.split(quote, maxsplit=1)
    lines = [line.rstrip() for line in _FENCE.sub("", "".join(code)).strip("\n").split("\n")]
    if not any(lines):
        return words
    if len(lines) == 1:
        return " ".join([*lead.split(), lines[0].strip()])
    return "\n    ".join([" ".join(lead.split()), *lines])
