"""Rich text (.rtf) by striprtf: its words, a paragraph a line, without pictures."""

from __future__ import annotations

import re
from dataclasses import replace

from tieback_client.errors import InvalidArgument
from tieback_client.files.decoding import called, storable
from tieback_client.files.document import Parsed
from tieback_client.files.outline import property_title
from tieback_client.files.packages import load
from tieback_client.files.texts import plain

LONGEST = 4 << 20
"""Bytes without pictures: striprtf takes about a second for each MiB."""
_PICTURE = re.compile(rb"[0-9A-Fa-f\s]{256,}")
"""Pictures are written as hexadecimal digits."""
_TITLE = re.compile(r"\{\\title ([^{}\\]{1,300})\}")


def read(data: bytes) -> Parsed:
    """The text of a file. `InvalidArgument` where it is none of rich text, damaged or too large."""
    if not data.lstrip().startswith(b"{\\rtf"):
        raise InvalidArgument(f"it is no rich text: it begins as {called(data)}")
    source = _PICTURE.sub(b" ", data)
    if len(source) > LONGEST:
        raise InvalidArgument(
            f"it has {len(source):,} bytes without its pictures; up to {LONGEST:,} are read"
        )
    written = source.decode("latin-1")
    rich = load("striprtf.striprtf", "rich text")
    try:
        text = storable(rich.rtf_to_text(written, errors="replace"))
    except Exception as error:  # noqa: BLE001 - striprtf meets damage with errors of any type
        raise InvalidArgument(f"it is damaged: {type(error).__name__}") from None
    parsed = plain.read(text)
    found = _TITLE.search(written)
    title = property_title(found[1]) if found else ""
    return replace(
        parsed,
        sections=[replace(one, locator="") for one in parsed.sections],  # its lines are not those of the file
        title=title or parsed.title,
        is_original=False,
    )
