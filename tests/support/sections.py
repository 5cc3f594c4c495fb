"""Items with vectors made by hand, for tests of the index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Section
from tieback_contract.arrays import Array
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, SpaceRef, Vector

SPACE = SpaceRef("pico", "r1", "f1")
WIDTH = 4


def vector(*values: float, space: SpaceRef = SPACE, **about: Any) -> Vector:
    return Vector(np.array(values, np.float32), space, **about)


def axis(number: int, width: int = WIDTH) -> Array:
    return np.asarray(np.eye(width, dtype=np.float32)[number % width])


def regions_of(*rows: Sequence[float] | Array, space: SpaceRef = SPACE) -> MultiVector:
    """Vectors of regions; the boxes are strips of equal height, the first on top."""
    boxes = [(0.0, n / len(rows), 1.0, 1 / len(rows)) for n in range(len(rows))]
    return MultiVector(np.array(rows, np.float32), space, Locators.of(LocatorKind.BOX, boxes))


def section(
    values: Vector | Sequence[float] | Array,
    text: str = "",
    *,
    modality: Modality = Modality.TEXT,
    name: str = "",
    title: str = "",
    uri: str = "",
    content: str | None = None,
    regions: MultiVector | Sequence[Sequence[float] | Array] | None = None,
    span: tuple[int, int] | None = None,
    continues: bool = False,
    tokens: MultiVector | None = None,
) -> tuple[Section, IndexedSection]:
    """A section and what search knows of it; its content is `text` or `content`; a picture has none.

    `regions` are vectors of its regions, in rows or as `regions_of` makes them.
    """
    if regions is not None and not isinstance(regions, MultiVector):
        regions = regions_of(*regions) if len(regions) else None
    own = content or (text if modality is Modality.TEXT else None)
    return (
        Section(name, None if own is None else Content(Modality.TEXT, own), title, uri, span, continues),
        IndexedSection(
            values if isinstance(values, Vector) else vector(*values), text, modality, regions, tokens
        ),
    )


def item(
    name: str, *sections: tuple[Section, IndexedSection], title: str = "", **metadata: Any
) -> IndexedItem:
    """An item of such sections; without any, one along the first axis whose text is the item's id."""
    sections = sections or (section(axis(0), name),)
    return IndexedItem(
        Item(name, [s for s, _ in sections], title, metadata), [known for _, known in sections]
    )
