"""The files that a recipe learns from, as people name them: by themselves and by their folders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tieback.core.errors import StartupError


def files_of(places: Iterable[Path], suffixes: Sequence[str], called: str) -> list[Path]:
    """The files with these suffixes among the files and in the folders, each once, those of a folder sorted.

    StartupError where a place is not there, or where there is no such file; `called` is their name in it.
    """
    found: list[Path] = []
    for place in places:
        if not place.exists():
            raise StartupError(f"there is no file or folder {place}")
        below = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
        found += [path for path in below if path.suffix.lower() in suffixes]
    if not found:
        raise StartupError(
            f"there are no {called} to learn from; name files or folders of {', '.join(suffixes)}: --data DIR"
        )
    return list(dict.fromkeys(found))
