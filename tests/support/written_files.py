"""Folders of small files, and what was indexed of them."""

from __future__ import annotations

from pathlib import Path

from tieback_client import Client
from tieback_client.messages.writing_items import sections


def write(folder: Path, *names: str) -> Path:
    """A folder with these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"The words of {folder.name} {name}.\n")
    return folder


def text_of(client: Client, id: str) -> str:
    return str(sections(client.get("docs", id))[0].content)
