"""Find the files that hold something that is read, by their names and first bytes."""

from __future__ import annotations

from pathlib import PurePath

from tieback_contract.modality import Modality

from tieback_client.content import modality_of_path
from tieback_client.files.decoding import SAMPLE, is_binary, is_pdf, kind_of_bytes
from tieback_client.files.gzipped import beginning, is_gzipped, name_within
from tieback_client.files.kinds import drawing_of, is_built, is_document


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
