"""The blocks of inputs: what the space projections make of their encodings.

Several projections can fill one block of a content: three text encoders are each projected into the photos'
block. They are an ensemble; the content's vector in the block is the mean of their unit vectors, at length 1.
A projection that imputes is used only if the block's own space has no vector of the content. A stored picture
may have regions; the whole counts as much as all regions together. Contents are then added by their weights,
and the sum is scaled to length 1.

If only some contents of an input have a block, and another block has all of them, the incomplete block is
left out. A photo's block without the words beside it would answer another question, and a block without the
subtracted content would find it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from tieback_contract.arrays import WHOLE, Array
from tieback_contract.encodings import Label
from tieback_contract.fusion import FusePart
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector

from tieback.core.errors import InvalidInput
from tieback.router.contents import Contents, ContentVectors, ReadEncoding
from tieback.router.input_adapters import SpaceProjection, regions_of
from tieback.router.joint_space import JointSpace

LABELS_SHOWN = 10
NOTHING_LEFT = 1e-6
"""A sum of contents shorter than this, of weights that sum to 1, points nowhere."""


@dataclass(slots=True)
class Blocks:
    """An input's `vector` `[width]`, unit in the `present` blocks `[blocks]`, and what it is made of."""

    vector: Array
    present: Array
    projections: list[str]
    labels: list[Label]


@dataclass(slots=True)
class _Rows:
    """The views of all contents of a modality, one below the other."""

    of: list[tuple[Contents, int, slice]] = field(default_factory=list)
    encodings: dict[str, list[tuple[ReadEncoding, slice]]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0

    def add(self, contents: Contents, content: int, encodings: Sequence[ReadEncoding]) -> None:
        views = max((len(one.reading) for one in encodings if one.adapter.dense), default=1)
        place = slice(self.count, self.count + views)
        self.of.append((contents, content, place))
        for one in encodings:
            self.encodings[one.adapter.source.name].append((one, place))
        self.count += views


def project(joint: JointSpace, inputs: Sequence[Contents]) -> None:
    """Projects what was read into the blocks, each space projection once for the whole batch."""
    by_modality: dict[Modality, _Rows] = defaultdict(_Rows)
    for contents in inputs:
        for content, modality in contents.modalities.items():
            by_modality[modality].add(contents, content, contents.by_content.get(content, ()))
    for modality, rows in by_modality.items():
        views, present = joint.unit(_sums(joint, modality, rows))
        for contents, content, place in rows.of:
            contents.vectors[content] = ContentVectors(views[place], present[place])


def _sums(joint: JointSpace, modality: Modality, rows: _Rows) -> Array:
    """The sums `[views, joint width]` of all projected vectors."""
    graph = joint.graphs.get(modality)
    in_graph = graph.sources if graph is not None else frozenset()
    dense = {
        name: _stacked(encodings, rows.count)
        for name, encodings in rows.encodings.items()
        if encodings[0][0].adapter.dense
    }
    if graph is not None and (known := {name: one for name, one in dense.items() if name in in_graph}):
        sums = graph(known, rows.count)
    else:
        sums = np.zeros((rows.count, joint.width), np.float32)
    for name, encodings in rows.encodings.items():
        projections = [
            projection
            for projection in encodings[0][0].adapter.projections
            if name not in in_graph or projection.imputes
        ]
        if not projections:
            continue
        if name in dense:
            present = dense[name].any(axis=1)
            vectors: Array | list[object] = dense[name][present]
        else:  # what is no vector is of the whole
            present = np.zeros(rows.count, bool)
            present[[place.start for _, place in encodings]] = True
            vectors = [one.reading for one, _ in encodings]
        for projection in projections:
            if projection.imputes and projection.block in rows.encodings:
                _impute(joint, projection, rows, present, vectors, sums)
            else:
                sums[present, joint.block(projection.block)] += projection.project(vectors)
    return sums


def _impute(
    joint: JointSpace,
    projection: SpaceProjection,
    rows: _Rows,
    present: Any,
    vectors: Array | list[object],
    sums: Array,
) -> None:
    """Adds the projected vectors of contents without a vector of the block's own space."""
    needed = np.array(present)
    for _, place in rows.encodings[projection.block]:
        needed[place] = False
    chosen = np.flatnonzero(needed[present])
    if len(chosen):
        used = vectors[chosen] if isinstance(vectors, np.ndarray) else [vectors[place] for place in chosen]
        sums[needed, joint.block(projection.block)] += projection.project(used)


def _stacked(encodings: Sequence[tuple[ReadEncoding, slice]], count: int) -> Array:
    """The vectors of one space `[count, width]`, each in its place; zeros if it is missing."""
    first: Array = encodings[0][0].reading
    if len(first) == count:
        return first
    stacked = np.zeros((count, first.shape[1]), np.float32)
    for one, place in encodings:
        stacked[place.start : place.start + len(one.reading)] = one.reading
    return stacked


def blocks_of(joint: JointSpace, contents: Contents) -> Blocks:
    """The blocks of one input, after `project`. InvalidInput where its contents cancel each other out."""
    whole = [_whole(joint, contents.vectors[content]) for content in contents.modalities]
    if len(whole) == 1:
        (content,) = contents.modalities
        vector, present = whole[0]
        vector = vector if contents.weights[content] > 0 else -vector
    else:
        vector, present = _combined(joint, contents, whole)
    used = {name for name, is_present in zip(joint.names, present.tolist(), strict=True) if is_present}
    own = {(encoding.content, encoding.adapter.source.name) for encoding in contents.encodings}
    taken = {
        projection.name
        for encoding in contents.encodings
        for projection in encoding.adapter.projections
        if projection.name
        and projection.block in used
        and not (projection.imputes and (encoding.content, projection.block) in own)
    }
    labels = sorted(contents.labels, key=lambda label: -label.probability)[:LABELS_SHOWN]
    return Blocks(vector, present, sorted(taken), labels)


def _whole(joint: JointSpace, vectors: ContentVectors) -> tuple[Array, Array]:
    """One vector of a content's views, and its present blocks: those of the whole."""
    present = vectors.present[0]
    if len(vectors.views) == 1:
        return vectors.views[0], present
    regions = vectors.present[1:].sum(axis=0)
    mean = joint.scaled(vectors.views[1:].sum(axis=0)[None], (present / np.maximum(regions, 1))[None])
    return joint.unit(vectors.views[:1] + mean)[0][0], present


def _combined(
    joint: JointSpace, contents: Contents, whole: Sequence[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """The sum of the contents by their shares, in the blocks that all of them reached, or else any."""
    vectors, each = np.stack([vector for vector, _ in whole]), np.stack([present for _, present in whole])
    complete = each.all(axis=0)
    present = complete if complete.any() else each.any(axis=0)
    shares = np.array([contents.shares[content] for content in contents.modalities])
    signed = np.array([np.copysign(1, contents.weights[content]) for content in contents.modalities]) * shares
    total = (signed.astype(np.float32) @ vectors)[None]
    lengths = joint.lengths(total)[0]
    cancelled = present & (lengths < NOTHING_LEFT * (shares @ each))
    if cancelled.any():
        name = joint.names[int(np.flatnonzero(cancelled)[0])]
        raise InvalidInput(f"the contents of this input cancel each other out in {name}", field="parts")
    factors = np.where(present, 1 / np.where(lengths > 0, lengths, 1), 0)
    return joint.scaled(total, factors[None])[0], np.asarray(present)


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
