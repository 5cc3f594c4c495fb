"""Folders of small files, and what was indexed of them."""

from __future__ import annotations

from pathlib import Path

from tieback_client import Client


def write(folder: Path, *names: str) -> Path:
    """A folder with these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"The words of {folder.name} {name}.\n")
    return folder


def text_of(client: Client, id: str) -> str:
    return str(client.get("docs", id).sections[0].content)
