"""The regions of a picture in joint vectors of their own, beside that of the whole."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tieback.core.boxes import WHOLE
from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.core.types.fusion import FusePart
from tieback.core.types.locators import LocatorKind, Locators
from tieback.core.types.vectors import MultiVector
from tieback.router.contents import Contents, Said
from tieback.router.joint_space import JointSpace
from tieback.router.paths import regions_of


def joint_regions(joint: JointSpace, contents: Contents, given: Sequence[FusePart]) -> MultiVector | None:
    """The vectors of a picture's regions, after `lead`; what stays in `contents` is the whole alone.

    None of inputs without regions, and of those of several contents, whose regions have no one place.
    InvalidInput where spaces saw other regions of one picture.
    """
    said, contents.said = contents.said, {}
    for content, one in said.items():
        contents.said[content] = Said(one.views[:1], one.spoke[:1])
    boxes = _boxes(contents, given)
    if len(said) != 1 or not boxes:
        return None
    if any(not np.array_equal(other, boxes[0]) for other in boxes):
        raise InvalidInput("the spaces do not agree on where the picture's regions are", field="parts")
    (one,) = said.values()
    return MultiVector(joint.ref, _vectors(joint, one), Locators.of(LocatorKind.BOX, boxes[0]))


def _boxes(contents: Contents, given: Sequence[FusePart]) -> list[Array]:
    """Where the regions are, in the order in which each space's were read: all but the whole."""
    found = [
        regions.locators.places
        for part in given
        for spoken in contents.by_content.get(part.content, ())
        if spoken.entrance.source == part.encoding.space
        and spoken.entrance.dense
        and len(spoken.reading) > 1
        and (regions := regions_of(part.encoding)) is not None
    ]
    return [boxes[(boxes != WHOLE).any(axis=1)] for boxes in found]


def _vectors(joint: JointSpace, said: Said) -> Array:
    """The regions `[regions, joint width]`, in the blocks in which the whole speaks.

    It stands in where they do not: a region would else be the further from whatever is asked.
    """
    spoke = said.spoke[:1]
    silent = spoke & ~said.spoke[1:]
    whole = np.repeat(said.views[:1], len(silent), axis=0)
    return joint.scaled(said.views[1:], spoke) + joint.scaled(whole, silent)
