"""The text of a file, and its sections, which can be cited."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from tieback_client.errors import InvalidArgument
from tieback_client.files.pages.page_pictures import PagePicture
from tieback_client.values.content import Image
from tieback_client.values.documents import Section

Scalar: TypeAlias = str | int | float | bool | date | datetime
LEAST_KEPT = 0.2
"""Share of the words that a file shows; where less was kept, something went wrong."""
FEW = 50
"""Words that say nothing about it."""
Fact: TypeAlias = Scalar | list[Scalar]
"""A value of front matter."""


class NotText(InvalidArgument):
    """The file holds no text that is read: it is a binary file of another kind."""


@dataclass(frozen=True, slots=True)
class FileSection:
    """A stretch of a document under one heading, or on one page."""

    begin: int
    """Its first character in `Document.text`."""
    end: int
    """The character after its last."""
    text: str
    """`Document.text[begin:end]`."""
    number: str
    """Counts as in a book, for instance "2.1"; unique in the document."""
    heading: str = ""
    """The headings that it stands under, the outermost first, as "Releases › Version 2"; without the one of
    the whole document."""
    locator: str = ""
    """Where it begins in the file, as the fragment of a URI: "L12" is line 12, "line=12" a line of an HTML
    page, "page=3" a page of a PDF, "slide=3" a slide, "sheet=Prices&row=3" a row of a sheet, "chapter=3" a
    part of a book, "cell=3" a cell of a notebook, "EXIT_STATUS" a heading of a page of the manual; "" in
    texts of Word and OpenDocument, and in mails."""


@dataclass(frozen=True, slots=True)
class Document:
    """What was read from a file."""

    kind: str
    """The format that it was read as: "markdown", "restructuredtext", "html", "pdf", "docx", "pptx",
    "xlsx", "odt", "epub", "notebook", "mail", "csv", "man", "svg",
    "rtf" or "text"."""
    title: str
    """From its front matter, its first heading or its own properties; else the file's name."""
    text: str
    """Of a text file the whole of it as it is, decoded; of other formats what they show."""
    sections: Sequence[FileSection]
    """In reading order, without overlap; none where the file holds no text."""
    metadata: Mapping[str, Fact] = field(default_factory=dict)
    """The values of its front matter, without the title; of a mail, who wrote it."""
    encoding: str = "utf-8"
    """How its bytes were decoded."""
    notes: Sequence[str] = ()
    """Notes: that it is empty, or why it was not read as its format."""
    is_original: bool = True
    """Whether `text` is the content of the file itself, and not the text that it shows."""
    kept_words: int = 0
    """Words of its title, headings and sections."""
    visible_words: int | None = None
    """Words that the file shows, counted without its parser; None where they are not counted."""
    pictures: Sequence[PagePicture] = ()
    """Of the pages of a PDF that were scanned, if they were asked for."""

    @property
    def kept(self) -> float | None:
        """Share of the visible words that were kept, at most 1; None where they are not counted."""
        if self.visible_words is None:
            return None
        return round(min(self.kept_words / max(self.visible_words, 1), 1.0), 3) if self.visible_words else 1.0

    @property
    def is_thin(self) -> bool:
        """True if less than a fifth of what the file shows was kept."""
        return (self.visible_words or 0) >= FEW and (self.kept or 0.0) < LEAST_KEPT

    def item_sections(self, uri: str) -> list[Section]:
        """The sections of an `Item`, each with `uri` and its place in it, and its span of the original."""
        return [
            Section(
                one.text,
                id=one.number,
                title=one.heading or self.title,
                uri=f"{uri}#{one.locator}" if one.locator else uri,
                span=span if self.is_original else None,
            )
            for one, span in zip(self.sections, self.byte_spans(), strict=True)
        ]

    def sections_with_pictures(self, uri: str) -> list[Section]:
        """The sections of an `Item`, with a picture for each page that was scanned, in the order of pages."""
        sections = (
            [(int(one.id.partition("-")[0]), one) for one in self.item_sections(uri)] if self.pictures else []
        )
        pictures = [
            (
                one.page,
                Section(Image(one.data), id=str(one.page), title=one.heading, uri=f"{uri}#{one.locator}"),
            )
            for one in self.pictures
        ]
        merged = sorted([*sections, *pictures], key=lambda one: one[0])
        return [one for _, one in merged] or self.item_sections(uri)

    def byte_spans(self) -> list[tuple[int, int]]:
        """For each section, the bytes [begin, end) that it takes in the UTF-8 of `text`."""
        cuts = sorted({0, *(one.begin for one in self.sections), *(one.end for one in self.sections)})
        sizes = (len(self.text[begin:end].encode()) for begin, end in itertools.pairwise(cuts))
        bytes_at = dict(zip(cuts, itertools.accumulate(sizes, initial=0), strict=True))
        return [(bytes_at[one.begin], bytes_at[one.end]) for one in self.sections]


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
