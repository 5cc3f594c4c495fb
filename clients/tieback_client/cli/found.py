"""Files that a walk over folders found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int]
"""Time at which a file was last written (in ns), its size, and its number in the file system."""


@dataclass(slots=True)
class FoundItems:
    """Files that were found, by the ids of the items."""

    files: dict[str, Path] = field(default_factory=dict)
    stamps: dict[str, Stamp] = field(default_factory=dict)
    """Of each of these files, before it was read."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a file cannot be read, or a folder (its id ends with "/") cannot be listed."""
    packed: dict[str, frozenset[str]] = field(default_factory=dict)
    """Archives and mails that were opened, each with the names of all that is packed in it."""
    links: list[str] = field(default_factory=list)
    """Links out of the source that were not followed."""
    ignored: dict[str, str] = field(default_factory=dict)
    """Files of kinds that are not indexed: which kind each is, for people."""
