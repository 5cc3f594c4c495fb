"""Notebooks of Jupyter (.ipynb): their cells as Markdown, code and what it printed in fences."""

from __future__ import annotations

import bisect
import json
from dataclasses import replace
from typing import Any

from tieback_client.files import markdown, notebook_outputs, plain
from tieback_client.files.budget import Budget
from tieback_client.files.decoding import storable
from tieback_client.files.html_blocks import FENCE
from tieback_client.files.parsed import Parsed

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
            outputs, is_cut = notebook_outputs.written(cell.get("outputs"), budget)
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
    notes = (
        (f"of what code printed, {notebook_outputs.LONGEST:,} characters of a cell are read",) if cut else ()
    )
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
