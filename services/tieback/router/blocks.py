"""What inputs say in each block.

A content may reach a block by several paths: three text encoders each know what a sentence would look like.
They are an ensemble, and the content's vector there is the mean of what they say, at length 1. Contents are
then added by their weights, and the sum brought to length 1.

A block that only a part of the input reached is left out where another has all of it: a photo's block with no
trace of the words beside it would answer another question, and one that never heard what is to be taken away
would find it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.types import Array, Label
from tieback.router.contents import Contents, Spoken
from tieback.router.joint_space import JointSpace
from tieback.router.paths import unit

LABELS_SHOWN = 10
NOTHING_LEFT = 1e-6
"""A sum of contents shorter than this, of weights that sum to 1, points nowhere."""


@dataclass(slots=True)
class Blocks:
    """The block of each component that spoke (unit vectors), and how they came about."""

    vectors: dict[str, Array]
    paths: list[str]
    labels: list[Label]


def lead(inputs: Sequence[Contents]) -> None:
    """Takes all paths from what was read into the blocks, each path once for the whole batch."""
    by_source: dict[str, list[Spoken]] = defaultdict(list)
    for one in inputs:
        for spoken in one.spoken:
            by_source[spoken.entrance.source.name].append(spoken)
    for together in by_source.values():
        readings = [spoken.reading for spoken in together]
        for path in together[0].entrance.paths:
            for spoken, vector in zip(together, path.lead(readings), strict=True):
                if vector.any():
                    spoken.said.setdefault(path.block, []).append(vector)


def blocks_of(joint: JointSpace, contents: Contents) -> Blocks:
    """The blocks of one input, after `lead`. InvalidInput where its contents cancel each other out."""
    said: dict[str, dict[int, list[Array]]] = defaultdict(lambda: defaultdict(list))
    for spoken in contents.spoken:
        for block, rows in spoken.said.items():
            said[block][spoken.content].extend(rows)
    for content, stand_ins in contents.stand_ins.items():
        for block, row in stand_ins.items():
            said[block][content].append(row)
    reached = [name for name in joint.names if said[name]]
    complete = [name for name in reached if said[name].keys() == contents.modalities.keys()]
    vectors = {name: _sum(name, said[name], contents) for name in complete or reached}
    taken = {
        path.name
        for spoken in contents.spoken
        for path in spoken.entrance.paths
        if path.name and path.block in spoken.said and path.block in vectors
    }
    labels = sorted(contents.labels, key=lambda label: -label.probability)[:LABELS_SHOWN]
    return Blocks(vectors, sorted(taken), labels)


def _sum(name: str, said: dict[int, list[Array]], contents: Contents) -> Array:
    if len(said) == 1:
        ((content, vectors),) = said.items()
        return _mean(vectors) if contents.weights[content] > 0 else -_mean(vectors)
    total = np.zeros(0, np.float32)
    for content, vectors in said.items():
        signed = np.copysign(contents.share(content), contents.weights[content]) * _mean(vectors)
        total = total + signed if total.size else signed
    if np.linalg.norm(total) < NOTHING_LEFT:
        raise InvalidInput(f"the contents of this input cancel each other out in {name}", field="parts")
    return unit(total)


def _mean(vectors: Sequence[Array]) -> Array:
    """At length 1, as each of them is."""
    return vectors[0] if len(vectors) == 1 else unit(np.sum(vectors, axis=0))
