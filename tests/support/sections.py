"""Items with vectors made by hand, for tests of the index."""

import numpy as np
from tieback.core.types.collection import IndexedItem, IndexedSection
from tieback.core.types.content import Content, Item, Modality, Section
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.vectors import MultiVector, SpaceRef, Vector

SPACE = SpaceRef("pico", "r1", "f1")
WIDTH = 4


def vector(*values, space=SPACE, **about):
    return Vector(space, np.array(values, np.float32), **about)


def axis(number, width=WIDTH):
    return np.eye(width, dtype=np.float32)[number % width]


def parts(*rows, space=SPACE):
    """Vectors of parts; the boxes are strips of equal height, the first on top."""
    boxes = [(0.0, n / len(rows), 1.0, 1 / len(rows)) for n in range(len(rows))]
    return MultiVector(space, np.array(rows, np.float32), Locators.of(LocatorKind.BOX, boxes))


def section(
    values,
    text="",
    *,
    modality=Modality.TEXT,
    name="",
    title="",
    uri="",
    content=None,
    apart=None,
    span=None,
    continues=False,
):
    """A section and what search knows of it; its content is `text` or `content`; a picture has none.

    `apart` are vectors of its parts, in rows or as `parts` makes them.
    """
    if apart is not None and not isinstance(apart, MultiVector):
        apart = parts(*apart) if len(apart) else None
    own = content or (text if modality is Modality.TEXT else None)
    return (
        Section(name, None if own is None else Content(Modality.TEXT, own), title, uri, span, continues),
        IndexedSection(values if isinstance(values, Vector) else vector(*values), text, modality, apart),
    )


def item(name, *sections, title="", **metadata):
    """An item of such sections; without any, one along the first axis whose text is the item's id."""
    sections = sections or (section(axis(0), name),)
    return IndexedItem(
        Item(name, [s for s, _ in sections], title, metadata), [known for _, known in sections]
    )
