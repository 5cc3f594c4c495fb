"""Which format a file has, by its name."""

from __future__ import annotations

import re
from pathlib import PurePath

from tieback_contract.modality import Modality

from tieback_client.files.decoding import SAMPLE, is_binary, is_pdf, kind_of_bytes
from tieback_client.files.packed.gzipped import beginning, is_gzipped, name_within
from tieback_client.values.content import modality_of_path

MARKDOWN, RESTRUCTURED_TEXT, HTML, PDF, TEXT = "markdown", "restructuredtext", "html", "pdf", "text"
DELIMITED, WORD, SLIDES, NOTEBOOK, MAIL = "csv", "docx", "pptx", "notebook", "mail"
SPREADSHEET, OPEN_DOCUMENT, EPUB, MANUAL = "xlsx", "odt", "epub", "man"
DRAWING, RICH_TEXT = "svg", "rtf"
ARCHIVES = frozenset({WORD, SLIDES, SPREADSHEET, OPEN_DOCUMENT, EPUB})
"""Formats whose files are ZIP archives."""
_NO_TEXTS = ARCHIVES | {PDF, MAIL}
_SUFFIXES = {
    **dict.fromkeys((".md", ".markdown", ".mdown", ".mkd"), MARKDOWN),
    **dict.fromkeys((".rst", ".rest"), RESTRUCTURED_TEXT),
    **dict.fromkeys((".html", ".htm", ".xhtml"), HTML),
    ".pdf": PDF,
    **dict.fromkeys((".docx", ".docm", ".dotx"), WORD),
    **dict.fromkeys((".pptx", ".pptm", ".ppsx"), SLIDES),
    **dict.fromkeys((".xlsx", ".xlsm", ".xltx", ".xltm"), SPREADSHEET),
    **dict.fromkeys((".odt", ".ott"), OPEN_DOCUMENT),
    ".epub": EPUB,
    ".ipynb": NOTEBOOK,
    ".eml": MAIL,
    ".svg": DRAWING,
    ".rtf": RICH_TEXT,
    **dict.fromkeys((".csv", ".tsv"), DELIMITED),
    **dict.fromkeys((".txt", ".text", ".log", ".json", ".jsonl", ".ndjson"), TEXT),
}
_DRAWINGS = {".eps": "an EPS drawing", ".ps": "a PostScript drawing"}

_OF_BROWSERS = frozenset({".js", ".mjs", ".css", ".map"})
_BUILT = re.compile(r"[.-](min|bundle|[0-9a-f]{8,64})\.(js|mjs|css)(\.map)?", re.IGNORECASE)
MINIFIED = 500
"""Bytes of a line, on average, from which on a script or style sheet was written by a program."""


def format_of(name: str) -> str | None:
    """The format by the suffix of a name; None if only the bytes can show it."""
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def is_document(name: str) -> bool:
    """True for the name of a document, whose bytes are no text: of Office, a book, a PDF, a mail."""
    return format_of(name) in _NO_TEXTS


def drawing_of(name: str) -> str | None:
    """What a file is, for people, if its text only says how to draw a picture; None otherwise."""
    return _DRAWINGS.get(PurePath(name).suffix.lower())


def is_built(name: str, head: bytes) -> bool:
    """Whether a program wrote a script or a style sheet for browsers alone; `head` is its beginning.

    By its name (app.min.js, book-a0b12cfe.js), or by its long lines.
    """
    if PurePath(name).suffix.lower() not in _OF_BROWSERS:
        return False
    return bool(_BUILT.search(PurePath(name).name)) or len(head) > MINIFIED * (head.count(b"\n") + 1)


def is_known(name: str) -> bool:
    """Tell whether the name alone says that a file is read: a photo, a sound, a text, or a document."""
    return modality_of_path(PurePath(name)) is not None or is_document(name)


def kind_left_out(name: str, head: bytes) -> str:
    """Kind of a file with this beginning, for people, where it is not read; "" where it is."""
    is_text = False
    if is_gzipped(name, head):
        name, head = name_within(name), beginning(head, SAMPLE) or head
        is_text = modality_of_path(PurePath(name)) is Modality.TEXT
    drawing = drawing_of(name)
    if drawing:
        return drawing
    is_read = is_text or is_pdf(head) or is_document(name) or not is_binary(head)
    return "" if is_read else kind_of_bytes(head)


def is_made_for_browsers(name: str, head: bytes) -> bool:
    """Tell whether a program wrote a script or a style sheet, which is read only where it is named."""
    if is_gzipped(name, head):
        name, head = name_within(name), beginning(head, SAMPLE) or head
    return is_built(name, head)


def is_left_out(name: str, data: bytes) -> bool:
    """Tell whether a file that nobody named is not read, by its name and its beginning."""
    if is_known(name):
        return False
    head = data[:SAMPLE]
    return bool(kind_left_out(name, head)) or is_made_for_browsers(name, head)
