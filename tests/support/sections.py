"""Items with vectors made by hand, for tests of the index."""

import numpy as np
from tieback.core.types import (
    Content,
    IndexedItem,
    IndexedSection,
    Item,
    Modality,
    Section,
    SpaceRef,
    Vector,
)

SPACE = SpaceRef("pico", "r1", "f1")
WIDTH = 4


def vector(*values, space=SPACE, **about):
    return Vector(space, np.array(values, np.float32), **about)


def axis(number, width=WIDTH):
    return np.eye(width, dtype=np.float32)[number % width]


def section(values, text="", *, modality=Modality.TEXT, name="", title="", uri="", content=None):
    """A section and what search knows of it; its content is `text` or `content`; a picture has none."""
    own = content or (text if modality is Modality.TEXT else None)
    return (
        Section(name, None if own is None else Content(Modality.TEXT, own), title, uri),
        IndexedSection(values if isinstance(values, Vector) else vector(*values), text, modality),
    )


def item(name, *sections, title="", **metadata):
    """An item of such sections; without any, one along the first axis whose text is the item's id."""
    sections = sections or (section(axis(0), name),)
    return IndexedItem(
        Item(name, [s for s, _ in sections], title, metadata), [known for _, known in sections]
    )
