"""What the parser of a format hands back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tieback_client.files.document import Fact, FileSection
from tieback_client.files.page_pictures import PagePicture


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
    pictures: Sequence[PagePicture] = ()
    """Of pages that were scanned, if they were asked for."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What the format says of the text; of a mail, who wrote it."""
