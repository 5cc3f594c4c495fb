"""Outputs of the code of a notebook, printed and shown, as Markdown: texts, tables and errors in short."""

from __future__ import annotations

import re
from typing import Any

from tieback_client.files import html_page
from tieback_client.files.budget import Budget
from tieback_client.files.decoding import storable
from tieback_client.files.html_blocks import FENCE
from tieback_client.files.plain import STYLES

LONGEST = 8000
"""Characters of the outputs of a cell; of longer ones, such as logs of training, the beginning is kept."""
LONGEST_TABLE = 1 << 20
"""Characters of HTML that is read."""
_OBJECT = re.compile(r"\[?<[^<>\n]{1,200}( at 0x[0-9A-Fa-f]+| with \d+ Axes)>\]?")
"""Text that Python shows of an object that has no text."""
_BACKTICKS = re.compile("`{3,}")


def written(outputs: Any, budget: Budget) -> tuple[str, bool]:
    """The outputs of a cell, each with a blank line behind, and whether they were cut off.

    `TookTooLong` where a table takes more than the budget.
    """
    parts: list[str] = []
    left = LONGEST
    for output in outputs if isinstance(outputs, list) else ():
        words = _shown(output, budget) if isinstance(output, dict) else ""
        if not words:
            continue
        parts.append(words if len(words) <= left else _shortened(words, left))
        left -= len(words)
        if left < 0:
            break
    return "".join(f"{one}\n\n" for one in parts), left < 0


def _shown(output: dict[str, Any], budget: Budget) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _fenced(_joined(output.get("text")))
    if kind == "error":
        name, value = (_joined(output.get(key)).strip() for key in ("ename", "evalue"))
        return _fenced(f"{name}: {value}" if value else name)
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    if "text/markdown" in data:
        return _joined(data["text/markdown"]).strip()
    table = _joined(data.get("text/html"))
    if "<table" in table and len(table) <= LONGEST_TABLE:
        budget.check()
        return html_page.read(table, budget).text.strip()
    if any(one.startswith("image/") for one in data):
        return ""
    return _fenced(_joined(data.get("text/plain")))


def _joined(value: Any) -> str:
    """A text of a notebook, which may be a list of lines."""
    lines = value if isinstance(value, list) else [value]
    return storable("".join(one for one in lines if isinstance(one, str)))


def _fenced(text: str) -> str:
    """Printed text between fences, without colours; a line that was written over is as it was last."""
    lines = (line.rstrip("\r").rpartition("\r")[2].rstrip() for line in STYLES.sub("", text).split("\n"))
    words = "\n".join(lines).strip("\n")
    if not words.strip() or _OBJECT.fullmatch(words.strip()):
        return ""
    longest = max((len(one) for one in _BACKTICKS.findall(words)), default=0)
    fence = "`" * max(len(FENCE), longest + 1)
    return f"{fence}\n{words}\n{fence}"


def _shortened(words: str, most: int) -> str:
    """The beginning, in whole lines, with its fence closed."""
    fence = words[: len(words) - len(words.lstrip("`"))]
    kept = words[:most].rpartition("\n")[0] or words[:most]
    return f"{kept}\n…\n{fence}" if fence else f"{kept}\n\n…"
