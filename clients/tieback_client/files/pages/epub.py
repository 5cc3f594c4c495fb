"""EPUB: the pages of a book in their reading order, each read as HTML is.

A section is located by its part of the reading order ("chapter=3" is the third that has words). The contents
that the book has for navigation are left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import Budget, TookTooLong
from tieback_client.files.decoding import decoded
from tieback_client.files.document import FileSection, Parsed
from tieback_client.files.office.package import Package
from tieback_client.files.outline import shortened
from tieback_client.files.pages import html_page

SECONDS = 30.0
"""Of processor time for a book."""
MOST_CHAPTERS = 2000
"""Parts of the reading order that are read; a note tells of more."""
_PAGES = frozenset(("application/xhtml+xml", "text/html"))
_PROTECTED = "META-INF/encryption.xml"


def read(data: bytes) -> Parsed:
    """The sections of a book. `InvalidArgument` where it is none, damaged, protected, or takes too long."""
    package = Package(data)
    budget = Budget(SECONDS)
    opf = _opf(package)
    book = _Book(posixpath.dirname(opf))
    if not package.read(opf, book.start, book.end, book.text):
        raise InvalidArgument("it is not an EPUB: its list of contents is missing")
    text: list[str] = []
    sections: list[FileSection] = []
    length = chapters = 0
    missing = 0
    for part in book.order[:MOST_CHAPTERS]:
        page = _page(package, part, budget)
        if page is None:
            missing += 1
            continue
        if not page.sections:
            continue
        chapters += 1
        sections += [
            FileSection(
                length + one.begin,
                length + one.end,
                one.text,
                str(chapters) if one.number == "0" else f"{chapters}.{one.number}",
                one.heading or page.title,
                f"chapter={chapters}",
            )
            for one in page.sections
        ]
        text.append(f"{page.text}\n\n")
        length += len(text[-1])
    if not sections and missing and package.has(_PROTECTED):
        raise InvalidArgument("it is protected against copying")
    notes = [f"{missing} of its {len(book.order)} parts cannot be read"] if missing else []
    if len(book.order) > MOST_CHAPTERS:
        notes.append(f"{MOST_CHAPTERS} of its {len(book.order)} parts were read")
    title = shortened(" ".join("".join(book.title).split()))
    return Parsed("".join(text), sections, title, tuple(notes), is_original=False)


def _opf(package: Package) -> str:
    """The part that lists the contents."""
    found: list[str] = []

    def start(tag: str, values: Mapping[str, str]) -> None:
        if tag.endswith("rootfile"):
            found.append(values.get("full-path", ""))

    package.read("META-INF/container.xml", start)
    if not found:
        raise InvalidArgument("it is a ZIP archive, and not an EPUB")
    return found[0]


def _page(package: Package, part: str, budget: Budget) -> Parsed | None:
    """A part as a page; None where it is missing, or is no text."""
    if not package.has(part):
        return None
    data = package.bytes_of(part)
    try:
        known = decoded(data, declared=html_page.declared_encoding(data))
        return html_page.read(known.text, budget)
    except TookTooLong:
        raise InvalidArgument(f"reading it took more than {SECONDS:.0f} s") from None
    except InvalidArgument:
        return None


@dataclass(slots=True)
class _Book:
    """What a list of contents says."""

    folder: str
    title: list[str] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    """The parts in their reading order."""
    _parts: dict[str, str] = field(default_factory=dict)
    _inside: str = ""

    def start(self, tag: str, values: Mapping[str, str]) -> None:
        """A tag opens."""
        self._inside = tag
        name = tag.rpartition(":")[2]
        if name == "item" and values.get("media-type") in _PAGES:
            if "nav" not in values.get("properties", "").split():
                target = unquote(values.get("href", "").partition("#")[0])
                self._parts[values.get("id", "")] = posixpath.normpath(posixpath.join(self.folder, target))
        elif name == "itemref" and (part := self._parts.get(values.get("idref", ""))):
            self.order.append(part)

    def end(self, _: str) -> None:
        """A tag closes."""
        self._inside = ""

    def text(self, words: str) -> None:
        """Text within a tag."""
        if self._inside == "dc:title":
            self.title.append(words)
