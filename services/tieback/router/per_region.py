"""The regions of a picture as joint vectors, in addition to that of the whole picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.fusion import FusePart
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.vectors import MultiVector

from tieback.core.boxes import WHOLE
from tieback.core.errors import InvalidInput
from tieback.router.contents import Contents, ContentVectors
from tieback.router.input_adapters import regions_of
from tieback.router.joint_space import JointSpace


def joint_regions(joint: JointSpace, contents: Contents, given: Sequence[FusePart]) -> MultiVector | None:
    """The vectors of a picture's regions, after `project`; what stays in `contents` is the whole alone.

    None of inputs without regions, and of those of several contents, whose regions have no one place.
    InvalidInput where spaces saw other regions of one picture.
    """
    vectors, contents.vectors = contents.vectors, {}
    for content, one in vectors.items():
        contents.vectors[content] = ContentVectors(one.views[:1], one.present[:1])
    boxes = _boxes(contents, given)
    if len(vectors) != 1 or not boxes:
        return None
    if any(not np.array_equal(other, boxes[0]) for other in boxes):
        raise InvalidInput("the spaces do not agree on where the picture's regions are", field="parts")
    (one,) = vectors.values()
    return MultiVector(_vectors(joint, one), joint.ref, Locators.of(LocatorKind.BOX, boxes[0]))


def _boxes(contents: Contents, given: Sequence[FusePart]) -> list[Array]:
    """Where the regions are, in the order in which each space's were read: all but the whole."""
    found = [
        regions.locators.places
        for part in given
        for encoding in contents.by_content.get(part.content, ())
        if encoding.adapter.source == part.encoding.space
        and encoding.adapter.dense
        and len(encoding.reading) > 1
        and (regions := regions_of(part.encoding)) is not None
    ]
    return [boxes[(boxes != WHOLE).any(axis=1)] for boxes in found]


def _vectors(joint: JointSpace, picture: ContentVectors) -> Array:
    """The regions `[regions, joint width]`, in the present blocks of the whole.

    A region without a vector has that of the whole; else it would be farther from every query.
    """
    present = picture.present[:1]
    absent = present & ~picture.present[1:]
    whole = np.repeat(picture.views[:1], len(absent), axis=0)
    return joint.scaled(picture.views[1:], present) + joint.scaled(whole, absent)
