"""What inputs say in each block.

A content may reach a block by several paths: three text encoders each know what a sentence would look like.
They are an ensemble, and the content's vector there is the mean of what they say, at length 1. A path that
stands in is heard only where the block's own space says nothing of the content. A stored picture may have
regions; the whole counts as much as all of them together. Contents are then added by their weights, and the
sum brought to length 1.

A block that only a part of the input reached is left out where another has all of it: a photo's block with no
trace of the words beside it would answer another question, and one that never heard what is to be taken away
would find it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.encoding import Label
from tieback.router.contents import Contents, Said, Spoken
from tieback.router.joint_space import JointSpace
from tieback.router.paths import Path

LABELS_SHOWN = 10
NOTHING_LEFT = 1e-6
"""A sum of contents shorter than this, of weights that sum to 1, points nowhere."""


@dataclass(slots=True)
class Blocks:
    """An input's `vector` `[width]`, unit in the blocks that `spoke` `[blocks]`, and how it came about."""

    vector: Array
    spoke: Array
    paths: list[str]
    labels: list[Label]


@dataclass(slots=True)
class _Rows:
    """The views of all contents of a modality, one below the other."""

    of: list[tuple[Contents, int, slice]] = field(default_factory=list)
    spoken: dict[str, list[tuple[Spoken, slice]]] = field(default_factory=lambda: defaultdict(list))
    count: int = 0

    def add(self, contents: Contents, content: int, spoken: Sequence[Spoken]) -> None:
        views = max((len(one.reading) for one in spoken if one.entrance.dense), default=1)
        place = slice(self.count, self.count + views)
        self.of.append((contents, content, place))
        for one in spoken:
            self.spoken[one.entrance.source.name].append((one, place))
        self.count += views


def lead(joint: JointSpace, inputs: Sequence[Contents]) -> None:
    """Takes all paths from what was read into the blocks, each path once for the whole batch."""
    by_modality: dict[Modality, _Rows] = defaultdict(_Rows)
    for contents in inputs:
        for content, modality in contents.modalities.items():
            by_modality[modality].add(contents, content, contents.by_content.get(content, ()))
    for modality, rows in by_modality.items():
        views, spoke = joint.unit(_sums(joint, modality, rows))
        for contents, content, place in rows.of:
            contents.said[content] = Said(views[place], spoke[place])


def _sums(joint: JointSpace, modality: Modality, rows: _Rows) -> Array:
    """The sums `[views, joint width]` of what all paths say."""
    graph = joint.graphs.get(modality)
    drawn = graph.sources if graph is not None else frozenset()
    dense = {
        name: _stacked(said, rows.count) for name, said in rows.spoken.items() if said[0][0].entrance.dense
    }
    if graph is not None and (known := {name: one for name, one in dense.items() if name in drawn}):
        sums = graph(known, rows.count)
    else:
        sums = np.zeros((rows.count, joint.width), np.float32)
    for name, said in rows.spoken.items():
        paths = [path for path in said[0][0].entrance.paths if name not in drawn or path.stands_in]
        if not paths:
            continue
        if name in dense:
            there = dense[name].any(axis=1)
            vectors: Array | list[object] = dense[name][there]
        else:  # what is no vector is of the whole
            there = np.zeros(rows.count, bool)
            there[[place.start for _, place in said]] = True
            vectors = [one.reading for one, _ in said]
        for path in paths:
            if path.stands_in and path.block in rows.spoken:
                _stand_in(joint, path, rows, there, vectors, sums)
            else:
                sums[there, joint.block(path.block)] += path.lead(vectors)
    return sums


def _stand_in(
    joint: JointSpace, path: Path, rows: _Rows, there: Any, vectors: Array | list[object], sums: Array
) -> None:
    """Adds what the path says of the contents that the block's own space says nothing of."""
    needed = np.array(there)
    for _, place in rows.spoken[path.block]:
        needed[place] = False
    chosen = np.flatnonzero(needed[there])
    if len(chosen):
        asked = vectors[chosen] if isinstance(vectors, np.ndarray) else [vectors[place] for place in chosen]
        sums[needed, joint.block(path.block)] += path.lead(asked)


def _stacked(said: Sequence[tuple[Spoken, slice]], count: int) -> Array:
    """The vectors of one space `[count, width]`, each in its place; zeros where it said nothing."""
    first: Array = said[0][0].reading
    if len(first) == count:
        return first
    stacked = np.zeros((count, first.shape[1]), np.float32)
    for one, place in said:
        stacked[place.start : place.start + len(one.reading)] = one.reading
    return stacked


def blocks_of(joint: JointSpace, contents: Contents) -> Blocks:
    """The blocks of one input, after `lead`. InvalidInput where its contents cancel each other out."""
    whole = [_whole(joint, contents.said[content]) for content in contents.modalities]
    if len(whole) == 1:
        (content,) = contents.modalities
        vector, spoke = whole[0]
        vector = vector if contents.weights[content] > 0 else -vector
    else:
        vector, spoke = _together(joint, contents, whole)
    heard = {name for name, there in zip(joint.names, spoke.tolist(), strict=True) if there}
    own = {(spoken.content, spoken.entrance.source.name) for spoken in contents.spoken}
    taken = {
        path.name
        for spoken in contents.spoken
        for path in spoken.entrance.paths
        if path.name and path.block in heard and not (path.stands_in and (spoken.content, path.block) in own)
    }
    labels = sorted(contents.labels, key=lambda label: -label.probability)[:LABELS_SHOWN]
    return Blocks(vector, spoke, sorted(taken), labels)


def _whole(joint: JointSpace, said: Said) -> tuple[Array, Array]:
    """One vector of a content's views, and which blocks it speaks in: those that the whole does."""
    spoke = said.spoke[0]
    if len(said.views) == 1:
        return said.views[0], spoke
    regions = said.spoke[1:].sum(axis=0)
    mean = joint.scaled(said.views[1:].sum(axis=0)[None], (spoke / np.maximum(regions, 1))[None])
    return joint.unit(said.views[:1] + mean)[0][0], spoke


def _together(
    joint: JointSpace, contents: Contents, whole: Sequence[tuple[Array, Array]]
) -> tuple[Array, Array]:
    """The sum of the contents by their shares, in the blocks that all of them reached, or else any."""
    vectors, each = np.stack([vector for vector, _ in whole]), np.stack([spoke for _, spoke in whole])
    complete = each.all(axis=0)
    spoke = complete if complete.any() else each.any(axis=0)
    shares = np.array([contents.shares[content] for content in contents.modalities])
    signed = np.array([np.copysign(1, contents.weights[content]) for content in contents.modalities]) * shares
    total = (signed.astype(np.float32) @ vectors)[None]
    lengths = joint.lengths(total)[0]
    cancelled = spoke & (lengths < NOTHING_LEFT * (shares @ each))
    if cancelled.any():
        name = joint.names[int(np.flatnonzero(cancelled)[0])]
        raise InvalidInput(f"the contents of this input cancel each other out in {name}", field="parts")
    factors = np.where(spoke, 1 / np.where(lengths > 0, lengths, 1), 0)
    return joint.scaled(total, factors[None])[0], np.asarray(spoke)
