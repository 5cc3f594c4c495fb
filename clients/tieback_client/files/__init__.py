"""Reads files into documents: Markdown, reStructuredText, HTML, PDF, and text in any encoding.

    document = read_document("handbook.md")
    for section in document.sections:
        print(section.number, section.heading, section.locator, len(section.text))

What formats need is loaded when a file of the format comes; an error says what to install.
"""

from tieback_client.files.document import Document, Fact, FileSection, NotText, Scalar
from tieback_client.files.reading import read_document

__all__ = ["Document", "Fact", "FileSection", "NotText", "Scalar", "read_document"]
