"""What the parser of a format hands back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tieback_client.files.document import FileSection


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text with its sections."""

    text: str
    sections: Sequence[FileSection]
    title: str = ""
    """From the format; "" if it has none."""
    notes: tuple[str, ...] = ()
    is_original: bool = True
    """Whether `text` is the content of the file itself."""
