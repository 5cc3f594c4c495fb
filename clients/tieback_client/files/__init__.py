"""Reads files into documents: Markdown, reStructuredText, HTML, PDF, Office, mails, text in any encoding.

    document = read_document("handbook.md")
    for section in document.sections:
        print(section.number, section.heading, section.locator, len(section.text))

What formats need is loaded when a file of the format comes; an error names what to install.
"""

from tieback_client.files.decoding import SAMPLE
from tieback_client.files.document import Document, Fact, FileSection, NotText, Scalar
from tieback_client.files.kinds import is_known, is_made_for_browsers, kind_left_out
from tieback_client.files.reading import MOST_BYTES, read_document

__all__ = [
    "MOST_BYTES",
    "SAMPLE",
    "Document",
    "Fact",
    "FileSection",
    "NotText",
    "Scalar",
    "is_known",
    "is_made_for_browsers",
    "kind_left_out",
    "read_document",
]
