"""The paths of a sparse space into every block, and whether a block is better for one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.models.bound_space import SPARSE, Block, BoundPath
from tieback.recipes.binding.anchors import CAPTION
from tieback.recipes.binding.entering import enter
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.members import called
from tieback.recipes.binding.project import WORTH, Reduced
from tieback.recipes.binding.ranking import places, reciprocal
from tieback.recipes.binding.terms import METHOD, TERMS, VECTORS, Terms


@dataclass(frozen=True, slots=True)
class Worth:
    """What a path is worth: the mean reciprocal rank of classes found in a block, with it and without."""

    block: str
    with_it: float
    without: float

    @property
    def pays(self) -> bool:
        """By as much as a second method of a path has to."""
        return self.with_it - self.without >= WORTH

    @property
    def told(self) -> str:
        """In words."""
        return f"{self.block} {self.with_it:.3f} with its terms, {self.without:.3f} without"


def term_path(
    terms: Terms, block: Block, words: Mapping[str, Array], paths: Sequence[BoundPath]
) -> BoundPath:
    """The path into the block: `words` are the terms' rows by text space, led there by `paths`."""
    vectors = enter([path for path in paths if path.block == block.space.name], words)[block.space.name]
    state = {TERMS: terms.kept, VECTORS: vectors.astype(np.float16)}
    card = terms.card
    return BoundPath(called(card), card.width, block.space.name, METHOD, {}, state, SPARSE)


def worths(
    material: Material, blocks: Sequence[Reduced], paths: Sequence[BoundPath], ways: Sequence[BoundPath],
    chosen_by: Mapping[str, Array],
) -> list[Worth]:  # fmt: skip
    """For each of the `ways`, captions of classes that no fit has seen looked for in its block."""
    found = []
    for way in ways:
        ranks: dict[bool, list[Array]] = {False: [], True: []}
        for block in blocks:
            name = block.classifier.card.name
            classes = chosen_by[name]
            into = [path for path in paths if path.block == way.block]
            asked = material.captions(name, CAPTION, classes)
            shown = enter(into, {name: block.features[classes]}).get(way.block)
            if shown is None or len(classes) < 2:
                continue
            for with_it in ranks:
                said = enter([*into, way] if with_it else into, asked)[way.block]
                ranks[with_it].append(reciprocal(places(said @ shown.T)))
        if ranks[True]:
            means = {with_it: float(np.concatenate(rows).mean()) for with_it, rows in ranks.items()}
            found.append(Worth(way.block, means[True], means[False]))
    return found


def chosen(worth: Sequence[Worth], ways: Sequence[BoundPath], *, forced: bool) -> list[BoundPath]:
    """The paths that are taken: those that pay, or all where the space was asked for by name."""
    paying = {one.block for one in worth if one.pays}
    return [way for way in ways if forced or way.block in paying]


def told(card: EncoderCard, worth: Sequence[Worth], taken: Sequence[BoundPath]) -> list[dict[str, Any]]:
    """What the binding's metrics say of it."""
    blocks = {path.block for path in taken}
    return [
        {
            "space": card.name,
            "block": one.block,
            "with": round(one.with_it, 4),
            "without": round(one.without, 4),
            "taken": one.block in blocks,
        }
        for one in worth
    ]
