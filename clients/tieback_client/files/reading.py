"""Reads a file as a document, by the parser of its format."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from os import PathLike
from pathlib import Path, PurePath

from tieback_client.errors import InvalidArgument
from tieback_client.files.budget import TookTooLong
from tieback_client.files.decoding import MARKS, Decoded, decoded, is_pdf
from tieback_client.files.document import Document, Fact, NotText, Parsed
from tieback_client.files.kinds import (
    DELIMITED,
    DRAWING,
    EPUB,
    HTML,
    MAIL,
    MANUAL,
    MARKDOWN,
    NOTEBOOK,
    OPEN_DOCUMENT,
    PDF,
    RESTRUCTURED_TEXT,
    RICH_TEXT,
    SLIDES,
    SPREADSHEET,
    TEXT,
    WORD,
    drawing_of,
    format_of,
)
from tieback_client.files.office import open_document, rich_text, slides, spreadsheet, word
from tieback_client.files.outline import BETWEEN, shortened, without_bare_titles
from tieback_client.files.packed.gzipped import gunzipped, is_gzipped, name_within
from tieback_client.files.pages import drawing, epub, html_page, html_tree, pdf
from tieback_client.files.texts import (
    delimited,
    front_matter,
    mail,
    manual,
    markdown,
    notebook,
    plain,
    restructured_text,
)
from tieback_client.files.visible import shown, visible_words, words

MOST_BYTES = 256 << 20
"""Bytes of a file that is read."""
_BY_BYTES = {
    PDF: pdf.read,
    WORD: word.read,
    SLIDES: slides.read,
    SPREADSHEET: spreadsheet.read,
    OPEN_DOCUMENT: open_document.read,
    EPUB: epub.read,
    MAIL: mail.read,
    DRAWING: drawing.read,
    RICH_TEXT: rich_text.read,
}
"""The parsers of formats that are not text in one encoding."""
_WITH_FRONT_MATTER = frozenset({MARKDOWN, RESTRUCTURED_TEXT})
_PLAIN_WITH_FRONT_MATTER = frozenset({".txt", ".text"})
_CALLED_ALIKE = frozenset(
    {
        "authors",
        "changelog",
        "changes",
        "contributing",
        "copying",
        "copyright",
        "faq",
        "history",
        "index",
        "install",
        "licence",
        "license",
        "news",
        "notes",
        "readme",
        "releases",
        "todo",
    }
)
"""Names of files that say nothing without the folder's."""
_LONGEST = {
    MARKDOWN: markdown.LONGEST,
    RESTRUCTURED_TEXT: restructured_text.LONGEST,
    HTML: html_tree.LONGEST,
    DELIMITED: delimited.LONGEST,
    NOTEBOOK: notebook.LONGEST,
}


def read_document(source: str | PathLike[str] | bytes, name: str = "", *, pictures: bool = False) -> Document:
    """The contents of a file: its title, facts and sections. `source` is a path, or the bytes of a file.

    `name`, a path or its last part, gives the format by its suffix, and the title if the file has none; the
    path by default.
    A name without a known suffix is text if its bytes are. One that ends with ".gz" is read as what was
    compressed, under its name. An empty file, and a PDF of pictures, has no sections and a note; with
    `pictures` it has those of its scanned pages.

    `NotText` where it is a drawing or a binary file of another kind; `InvalidArgument` where it cannot be
    read, or a value of its front matter cannot be stored, whose key it names; `FailedPrecondition` where the
    package for its format is not installed.
    """
    if isinstance(source, bytes):
        data = source
    else:
        data = bytes_of(Path(source))
        name = name or str(source)
    if is_gzipped(name, data):
        data, name = gunzipped(data, MOST_BYTES), name_within(name)
    if drawing := drawing_of(name):
        raise NotText(f"it is {drawing}, not text")
    said = format_of(name)
    kind = said or (PDF if is_pdf(data) else TEXT)
    if not data.strip() or data in MARKS:
        return Document(kind, _stem(name), "", (), notes=("it is empty",))
    if kind in _BY_BYTES:
        parsed = pdf.read(data, pictures=pictures) if kind == PDF else _BY_BYTES[kind](data)
        return _document(kind, name, data, parsed, Decoded("", ""), dict(parsed.facts))
    declared = html_page.declared_encoding(data) if kind == HTML else ""
    known = decoded(data, called_text=said is not None, declared=declared)
    if said is None and manual.is_manual(name, known.text):
        return _document(MANUAL, name, data, manual.read(known.text), known, {})
    head = front_matter.FrontMatter({})
    if kind in _WITH_FRONT_MATTER or PurePath(name).suffix.lower() in _PLAIN_WITH_FRONT_MATTER:
        head = front_matter.read(known.text)
        known = replace(known, notes=(*known.notes, *head.notes))
    return _document(kind, name, data, _parsed(kind, known.text, head), known, head.facts, head.begin)


def bytes_of(path: Path) -> bytes:
    """The bytes of a file. `InvalidArgument` where it cannot be read, or is too large."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InvalidArgument(f"it has {size:,} bytes, and files of up to {MOST_BYTES:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise InvalidArgument(f"cannot read it: {error.strerror or error}") from None


def _parsed(kind: str, text: str, head: front_matter.FrontMatter) -> Parsed:
    """By the format's parser; as plain text, with a note, where that is too much for it."""
    if kind == TEXT:
        return plain.read(text, head.begin)
    reason = ""
    if len(text) > _LONGEST[kind]:
        reason = f"it has more than {_LONGEST[kind]:,} characters"
    else:
        try:
            if kind == DELIMITED:
                return delimited.read(text)
            if kind == NOTEBOOK:
                return notebook.read(text)
            if kind == MARKDOWN:
                return markdown.read(text, head.begin, head.body)
            return (
                html_page.read(text) if kind == HTML else restructured_text.read(text, head.begin, head.body)
            )
        except TookTooLong as error:
            reason = str(error)
        except RecursionError:
            reason = "it is nested too deeply"
        except IndexError:  # docutils, for one, on a comment that ends an inclusion
            reason = "its parser fails on it"
    is_page = kind == HTML
    if is_page:
        with suppress(TookTooLong):
            text = shown(text)
    read = plain.read(text, head.begin)
    return Parsed(
        text, read.sections, is_original=not is_page, notes=(f"it was read as plain text, since {reason}",)
    )


def _document(
    kind: str,
    name: str,
    data: bytes,
    parsed: Parsed,
    known: Decoded,
    facts: dict[str, Fact],
    begin: int = 0,
) -> Document:
    """Document of what was read; front matter ends before `begin`."""
    notes = (*known.notes, *parsed.notes)
    if not parsed.sections and not parsed.pictures and not notes:
        is_empty = parsed.is_original and not parsed.text.strip()
        notes = ("it is empty" if is_empty else "it holds no text",)
    title = shortened(str(facts.pop("title", ""))) or parsed.title or _stem(name)
    sections = without_bare_titles(parsed.sections, title)
    headings = [one.heading.split(BETWEEN) for one in sections]
    above = {title, *(part for one in headings for part in one[:-1])} - {one[-1] for one in headings}
    return Document(
        kind,
        title,
        parsed.text,
        sections,
        facts,
        known.encoding,
        notes,
        parsed.is_original,
        sum(map(words, (*above, *(one[-1] for one in headings), *(one.text for one in sections)))),
        visible_words(kind, data, known.text[begin:]),
        pictures=parsed.pictures,
    )


def _stem(name: str) -> str:
    """The words of a file's name, after its folder's where many files are called so ("zlib FAQ")."""
    path = PurePath(name)
    words = f"{path.parent.name} {path.stem}" if path.stem.lower() in _CALLED_ALIKE else path.stem
    return shortened(words.replace("_", " ").replace("-", " ").strip())
