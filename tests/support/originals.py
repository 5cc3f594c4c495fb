"""Items with photos, and the originals that a store keeps of them."""

from __future__ import annotations

from pathlib import Path

from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

from support.sections import SPACE, axis, vector


def photo(name: str, *pictures: bytes, space: SpaceRef = SPACE) -> IndexedItem:
    """An item of pictures, each along the first axis."""
    sections = [Section(str(n), Content(Modality.IMAGE, one)) for n, one in enumerate(pictures)]
    known = [IndexedSection(vector(*axis(0), space=space), "a photo", Modality.IMAGE) for _ in pictures]
    return IndexedItem(Item(name, sections), known)


def files(store: Path) -> list[bytes]:
    """What is in the files of all originals."""
    return sorted(path.read_bytes() for path in (store / "originals").glob("*/*"))
