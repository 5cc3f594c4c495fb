"""Reads files into documents: Markdown, reStructuredText, HTML, PDF, Office, mails, text in any encoding.

    document = read_document("handbook.md")
    for section in document.sections:
        print(section.number, section.heading, section.locator, len(section.text))

What formats need is loaded when a file of the format comes; an error names what to install.
"""

from tieback_client.files.decoding import SAMPLE, is_binary, is_pdf, kind_of_bytes
from tieback_client.files.document import Document, Fact, FileSection, NotText, Scalar
from tieback_client.files.gzipped import beginning, is_gzipped, name_within
from tieback_client.files.kinds import drawing_of, is_archive, is_built
from tieback_client.files.reading import MOST_BYTES, read_document

__all__ = [
    "MOST_BYTES",
    "SAMPLE",
    "Document",
    "Fact",
    "FileSection",
    "NotText",
    "Scalar",
    "beginning",
    "drawing_of",
    "is_archive",
    "is_binary",
    "is_built",
    "is_gzipped",
    "is_pdf",
    "kind_of_bytes",
    "name_within",
    "read_document",
]
