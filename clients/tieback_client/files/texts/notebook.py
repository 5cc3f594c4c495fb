"""Notebooks of Jupyter (.ipynb): their cells as Markdown, code and what it printed in fences."""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import replace
from typing import Any

from tieback_client.files.budget import Budget
from tieback_client.files.decoding import storable
from tieback_client.files.document import Parsed
from tieback_client.files.pages import html_page
from tieback_client.files.pages.html_blocks import FENCE
from tieback_client.files.texts import markdown, plain
from tieback_client.files.texts.plain import STYLES

LONGEST_OUTPUT = 8000
"""Characters of the outputs of a cell; of longer ones, such as logs of training, the beginning is kept."""
LONGEST_TABLE = 1 << 20
"""Characters of HTML that is read."""
_OBJECT = re.compile(r"\[?<[^<>\n]{1,200}( at 0x[0-9A-Fa-f]+| with \d+ Axes)>\]?")
"""Text that Python shows of an object that has no text."""
_BACKTICKS = re.compile("`{3,}")


def written_output(outputs: Any, budget: Budget) -> tuple[str, bool]:
    """The outputs of a cell, each with a blank line behind, and whether they were cut off.

    `TookTooLong` where a table takes more than the budget.
    """
    parts: list[str] = []
    left = LONGEST_OUTPUT
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


LONGEST = 32 << 20
"""Characters that are parsed, with pictures and other outputs."""


def read(text: str) -> Parsed:
    """The sections of a notebook, each with the cell that it begins in.

    The text as it is where it is no notebook; `TookTooLong` where it takes too long.
    """
    try:
        notebook = json.loads(text)
    except ValueError:
        notebook = None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        return replace(plain.read(text), notes=("it was read as plain text, since it is no notebook",))
    language = _language(notebook)
    begins: list[int] = []
    written: list[str] = []
    length = cut = 0
    budget = Budget()
    for cell in cells:
        words = _written(cell, language)
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            outputs, is_cut = written_output(cell.get("outputs"), budget)
            words += outputs
            cut += is_cut
        begins.append(length)
        written.append(words)
        length += len(words)
    made = "".join(written)
    parsed = markdown.read(made)
    sections = [
        replace(one, locator=f"cell={bisect.bisect_right(begins, one.begin)}") for one in parsed.sections
    ]
    notes = (f"of what code printed, {LONGEST_OUTPUT:,} characters of a cell are read",) if cut else ()
    return Parsed(made, sections, parsed.title, (*parsed.notes, *notes), is_original=False)


def _written(cell: Any, language: str) -> str:
    """A cell as Markdown, with a blank line behind; "" for what is not shown."""
    if not isinstance(cell, dict):
        return ""
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    words = storable("".join(one for one in lines if isinstance(one, str))).strip("\n")
    if not words.strip():
        return ""
    if cell.get("cell_type") == "code":
        return f"{FENCE}{language}\n{words}\n{FENCE}\n\n"
    return f"{words}\n\n" if cell.get("cell_type") == "markdown" else ""


def _language(notebook: dict[str, Any]) -> str:
    about = notebook.get("metadata")
    info = about.get("language_info") if isinstance(about, dict) else None
    name = info.get("name") if isinstance(info, dict) else None
    return name if isinstance(name, str) and name.isalnum() and len(name) < 32 else ""
