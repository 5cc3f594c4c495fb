"""PDF by pypdf: a section a page, under the heading that its table of contents has for it."""

from __future__ import annotations

import io
import logging
import re
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tieback_client.errors import FailedPrecondition, InvalidArgument
from tieback_client.files.budget import Budget
from tieback_client.files.decoding import called, storable
from tieback_client.files.document import FileSection, Parsed
from tieback_client.files.outline import LONGEST, property_title, shortened
from tieback_client.files.packages import load
from tieback_client.files.pages import page_pictures
from tieback_client.files.pages.page_pictures import PagePicture
from tieback_client.files.pages.pdf_spacing import spaced

SECTIONS = 2000
"""Sections of a file; with more pages than that, several pages are one section."""
SECONDS = 60.0
"""Of processor time, for all pages of a file."""
PAGE_SECONDS = 10.0
STREAM_BYTES = 16 << 20
"""Bytes of a decompressed stream, against files that grow without end; a page with more is left out."""
TEXT = 32 << 20
"""Characters of all pages."""
_BEGIN, _HEAD = b"%PDF-", 1024
"""The first bytes of a PDF, and within which they stand."""
_PICTURES = ("that are pictures, which are read where a reader of writing is served", "of damaged pictures")
"""Scanned pages that are not read, where their pictures are not asked for, and where they are."""
CHARACTERS = 256
"""That a simple font has."""
_LIGATURES = {
    code: unicodedata.normalize("NFKC", chr(code))
    for code in (*range(0xFB00, 0xFB07), *range(0xFB13, 0xFB18))
}
"""Letters that a font draws as one ("\ufb01"), by which no word would be found."""
_BLANKS = re.compile(r"[ \t]+\n")


def read(data: bytes, *, pictures: bool = False) -> Parsed:
    """The pages of a PDF, with `pictures` of those that were scanned.

    `InvalidArgument` where it is encrypted or damaged beyond reading.
    """
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
            reason = _reason(error) if _BEGIN in data[:_HEAD] else f"it begins as {called(data)}"
            raise InvalidArgument(f"it is no PDF that can be read: {reason}") from None
        return _pages(reader, count, pictures=pictures)


def _pages(reader: Any, count: int, *, pictures: bool) -> Parsed:
    """A section a page, or for several pages where there are very many; long ones in pieces."""
    text: list[str] = []
    sections: list[FileSection] = []
    length = 0
    lost = _Lost(count, takes_pictures=pictures)
    headings = _headings(reader)
    together = max(1, -(-count // SECTIONS))
    for first in range(1, count + 1, together):
        pages = range(first, min(first + together, count + 1))
        shown = [one for one in (_shown(reader, page, lost) for page in pages) if one[1]]
        if not shown:
            continue
        page, content = shown[0][0], "\n\n".join(words for _, words in shown)
        named = f"page {page}" if len(shown) == 1 else f"pages {page}–{shown[-1][0]}"
        for piece, begin in enumerate(range(0, len(content), LONGEST), 1):
            part = content[begin : begin + LONGEST]
            name = str(page) if piece == 1 else f"{page}-{piece}"
            heading = headings.get(page, named)
            sections.append(FileSection(length, length + len(part), part, name, heading, f"page={page}"))
            text.append(part)
            length += len(part)
        text.append("\n\n")
        length += 2
        if length > TEXT:
            lost.unread = count - pages[-1]
            break
    if lost.damaged and not sections and not lost.pictures:
        raise InvalidArgument(f"none of its {count} pages can be read")
    taken = [
        PagePicture(page, headings.get(page, f"page {page}"), one) for page, one in lost.pictures.items()
    ]
    return Parsed("".join(text), sections, _title(reader), lost.notes(), is_original=False, pictures=taken)


class _Lost:
    """Counts the pages that give no text, and why, and takes the pictures of those that were scanned."""

    def __init__(self, count: int, *, takes_pictures: bool) -> None:
        self.count = count
        self.empty = self.scanned = self.damaged = self.unread = 0
        self.pictures: dict[int, bytes] = {}
        self.end = time.thread_time() + SECONDS
        self._takes_pictures = takes_pictures
        self._left = page_pictures.BYTES

    def add(self, number: int, page: Any) -> None:
        """Counts a page without text."""
        if not page_pictures.has_picture(page):
            self.empty += 1
            return
        picture = b""
        if self._takes_pictures:
            try:
                picture = page_pictures.picture_of(page)
            except FailedPrecondition:
                raise
            except Exception:  # noqa: BLE001 - pypdf and Pillow meet damage with errors of any type
                picture = b""
        self._left -= len(picture)
        if picture and self._left >= 0:
            self.pictures[number] = picture
        else:
            self.scanned += 1

    def notes(self) -> tuple[str, ...]:
        """For people, without what is 0."""
        told = (
            (self.scanned, _PICTURES[self._takes_pictures]),
            (self.empty, "without text"),
            (self.damaged, "that cannot be read"),
            (self.unread, "not read, since the file takes too long or holds too much"),
        )
        return tuple(f"pages {why}: {number} of {self.count}" for number, why in told if number)


def _shown(reader: Any, number: int, lost: _Lost) -> tuple[int, str]:
    """A page, counted from 1, and its text; "" where there is none."""
    left = lost.end - time.thread_time()
    if left <= 0:
        lost.unread += 1
        return number, ""
    try:
        page = reader.pages[number - 1]
        text = _text(page, Budget(min(PAGE_SECONDS, left)))
        if not text:
            lost.add(number, page)
    except FailedPrecondition:
        raise
    except Exception:  # noqa: BLE001 - pypdf meets damage with errors of any type; the other pages are read
        lost.damaged += 1
        return number, ""
    return number, text


def _drop_surplus_widths(page: Any) -> None:
    """Drops widths past those of a simple font: groff writes one, and pypdf would refuse the page."""
    resources = page.get("/Resources", {}).get_object()
    for font in resources.get("/Font", {}).get_object().values():
        widths = font.get_object().get("/Widths")
        if widths is not None:
            del widths.get_object()[CHARACTERS:]


def _text(page: Any, budget: Budget) -> str:
    with suppress(AttributeError, KeyError, TypeError):  # damage, which pypdf meets in its own way
        _drop_surplus_widths(page)
        spaced(load("pypdf", "PDF"), page, budget)
    text = page.extract_text(visitor_operand_before=lambda *_: budget.check())
    return _BLANKS.sub("\n", storable(text).translate(_LIGATURES)).strip()


def _title(reader: Any) -> str:
    try:
        title = reader.metadata.title if reader.metadata is not None else ""
    except Exception:  # noqa: BLE001 - as above
        return ""
    return property_title(title or "")


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
        "stream_parsing_work_maximum_count": 300_000,
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
