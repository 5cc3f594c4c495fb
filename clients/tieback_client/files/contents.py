"""The contents of a file of any kind: sections of a text, or a photo, a sound or a point cloud."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath

from tieback_contract.metadata import MetadataValue
from tieback_contract.modality import Modality

from tieback_client.clouds import cloud_of
from tieback_client.content import Audio, Image, Points, modality_of_path
from tieback_client.documents import Section
from tieback_client.errors import InvalidArgument
from tieback_client.files.reading import read_document
from tieback_client.signatures import fault_of_picture, fault_of_sound


@dataclass(frozen=True, slots=True)
class FileContent:
    """Content of a file, as it is indexed."""

    kind: str
    """Its format where it is a text, else its modality."""
    title: str
    sections: list[Section]
    """None where it holds nothing that can be found, which is no fault: a note says so."""
    is_text: bool
    text: str = ""
    """All of a text."""
    facts: Mapping[str, MetadataValue] = field(default_factory=dict)
    notes: Sequence[str] = ()
    kept: float | None = None
    """Of a text, the share of its visible words that were kept, if they were counted."""
    thin: tuple[int, int] | None = None
    """Counts of words, where next to nothing of it was kept: those kept, and those that it shows."""


def content_of_file(name: str, data: bytes, *, uri: str = "", pictures: bool = False) -> FileContent:
    """The sections of a file, below `uri` (its name), with `pictures` those of scanned pages too.

    `InvalidArgument` where it is not what its suffix names.
    """
    path, uri = PurePath(name), uri or name
    modality = modality_of_path(path) or Modality.TEXT
    if modality is Modality.TEXT:
        document = read_document(data, name, pictures=pictures)
        return FileContent(
            document.kind,
            document.title,
            document.sections_with_pictures(uri),
            True,
            document.text,
            document.metadata,
            document.notes,
            document.kept,
            (document.kept_words, document.visible_words or 0) if document.is_thin else None,
        )
    content: Image | Audio | Points
    if modality is Modality.POINTS:
        content, fault = _cloud(data, path), ""
    elif modality is Modality.IMAGE:
        content, fault = Image(data), fault_of_picture(data)
    else:
        content, fault = Audio(data), fault_of_sound(data)
    if fault:  # reported here, by the file: the call would end where it is packed
        raise InvalidArgument(fault)
    title = path.stem.replace("_", " ").replace("-", " ")
    return FileContent(str(modality), title, [Section(content, title=title, uri=uri)], False)


def _cloud(data: bytes, path: PurePath) -> Points:
    try:
        return Points(cloud_of(data, path.suffix.lower()))
    except ValueError as error:
        raise InvalidArgument(f"it is not a point cloud: {error}") from None
