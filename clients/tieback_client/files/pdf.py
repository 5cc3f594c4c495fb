"""PDF by pypdf: a section a page, under the heading that its table of contents has for it."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import Budget, TookTooLong
from tieback_client.files.document import FileSection
from tieback_client.files.outline import LONGEST, shortened
from tieback_client.files.packages import load
from tieback_client.files.parsed import Parsed

PAGES = 2000
"""Pages that are read."""
SECONDS = 120.0
"""For all pages of a file."""
PAGE_SECONDS = 10.0
STREAM_BYTES = 16 << 20
"""Bytes of a decompressed stream, against files that grow without end; a page with more is left out."""
TEXT = 32 << 20
"""Characters of all pages."""
_NO_TITLE = re.compile(
    r"(untitled|microsoft word - |.*\.(docx?|pdf|tex|dvi|indd|pptx?|qxd|rtf)$|[\W\d_]*$)", re.I
)
_BLANKS = re.compile(r"[ \t]+\n")


def read(data: bytes) -> Parsed:
    """The pages of a PDF. `InvalidArgument` where it is encrypted or damaged beyond reading."""
    pypdf = load("pypdf", "PDF")
    with _quiet(), pypdf.apply_configuration(**_limits()):
        try:
            reader = pypdf.PdfReader(io.BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):
                raise InvalidArgument("it is encrypted with a password")
            count = len(reader.pages)
        except InvalidArgument:
            raise
        except pypdf.errors.DependencyError:
            raise InvalidArgument("it is encrypted by AES: pip install cryptography to read it") from None
        except Exception as error:  # noqa: BLE001 - pypdf meets damage with errors of any type
            raise InvalidArgument(f"it is no PDF that can be read: {_reason(error)}") from None
        return _pages(reader, count)


def _pages(reader: Any, count: int) -> Parsed:
    parts: list[str] = []
    sections: list[FileSection] = []
    length = 0
    empty = damaged = read = 0
    headings = _headings(reader)
    end = time.monotonic() + SECONDS
    for number in range(1, min(count, PAGES) + 1):
        left = end - time.monotonic()
        if left <= 0 or length > TEXT:
            break
        read = number
        try:
            text = _text(reader.pages[number - 1], Budget(min(PAGE_SECONDS, left)))
        except (Exception, TookTooLong):  # noqa: BLE001 - as above; the other pages are read
            damaged += 1
            continue
        if not text:
            empty += 1
            continue
        heading = headings.get(number, f"page {number}")
        for piece, begin in enumerate(range(0, len(text), LONGEST), 1):
            part = text[begin : begin + LONGEST]
            name = str(number) if piece == 1 else f"{number}-{piece}"
            sections.append(FileSection(length, length + len(part), part, name, heading, f"page={number}"))
            parts.append(part)
            length += len(part)
        parts.append("\n\n")
        length += 2
    notes = []
    if empty:
        what = "holds" if count == 1 else "hold"
        notes.append(f"{empty} of {count} pages {what} no text: pictures of text are not read")
    if damaged:
        notes.append(f"{damaged} of {count} pages cannot be read")
    if read < count:
        notes.append(f"only the first {read} of {count} pages were read")
    return Parsed("".join(parts), sections, _title(reader), tuple(notes), is_original=False)


def _text(page: Any, budget: Budget) -> str:
    text = page.extract_text(visitor_operand_before=lambda *_: budget.check())
    text = text.encode(errors="replace").decode().replace("\0", " ")
    return _BLANKS.sub("\n", text).strip()


def _title(reader: Any) -> str:
    try:
        title = reader.metadata.title if reader.metadata is not None else ""
    except Exception:  # noqa: BLE001 - as above
        return ""
    title = shortened(title or "")
    return "" if _NO_TITLE.match(title) else title


def _headings(reader: Any) -> dict[int, str]:
    """The heading in force on each page, by the table of contents; empty where there is none."""
    begins: dict[int, str] = {}
    try:
        waiting = list(reversed(reader.outline))
        while waiting:
            entry = waiting.pop()
            if isinstance(entry, list):
                waiting += reversed(entry)
                continue
            page = reader.get_destination_page_number(entry)
            if page is not None and page >= 0 and entry.title:
                begins.setdefault(page + 1, shortened(str(entry.title)))
        count = len(reader.pages)
    except Exception:  # noqa: BLE001 - as above
        return {}
    headings: dict[int, str] = {}
    for number in range(1, count + 1):
        heading = begins.get(number) or headings.get(number - 1)
        if heading:
            headings[number] = heading
    return headings


def _limits() -> dict[str, int]:
    streams = ("zlib", "lzw", "run_length", "brotli", "array_based_stream")
    return {
        **{f"{one}_maximum_output_length": STREAM_BYTES for one in streams},
        "stream_parsing_work_maximum_count": 1_000_000,
        "outline_maximum_entries": 10_000,
    }


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """Without pypdf's warnings of damage, which go to the terminal where nobody set up logging."""
    log = logging.getLogger("pypdf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
