"""A file as an item to ingest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from tieback_client.content import Audio, Content, Image, Modality, Points, modality_of_path
from tieback_client.documents import Item, Section
from tieback_client.errors import InvalidArgument
from tieback_client.files.reading import read_document

_MEDIA: Mapping[Modality, Callable[[Path], Content]] = {
    Modality.IMAGE: Image.from_file,
    Modality.AUDIO: Audio.from_file,
    Modality.POINTS: Points.from_file,
}


def item_of(path: str | PathLike[str], *, id: str, title: str, uri: str, metadata: Mapping[str, Any]) -> Item:
    """See `tieback_client.Item.from_file`."""
    file = Path(path)
    id, uri = id or file.name, uri or file.name
    read = _MEDIA.get(modality_of_path(file) or Modality.TEXT)
    if read is not None:
        content = read(file)
        title = title or file.stem.replace("_", " ").replace("-", " ")
        return Item(id, [Section(content, title=title, uri=uri)], title, dict(metadata))
    try:
        document = read_document(file)
    except InvalidArgument as error:
        raise type(error)(f"{file}: {error.message}") from None
    if not document.sections:
        raise InvalidArgument.at("path", f"{file}: {'; '.join(document.notes)}")
    facts = {**document.metadata, **metadata}
    return Item(id, document.item_sections(uri), title or document.title, facts)
