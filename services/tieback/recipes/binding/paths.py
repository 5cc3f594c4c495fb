"""All dense paths of a binding: each fitted without what is measured on, and again with everything.

Paths lead every text space into every other member's block, and every member into every text space's; and
between shared spaces and other text spaces.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieback.models.bound_space import BoundPath
from tieback.recipes.binding.anchoring import anchors_of, held_out, text_anchors
from tieback.recipes.binding.blocks import Layout
from tieback.recipes.binding.duals import text_ways
from tieback.recipes.binding.material import Material
from tieback.recipes.fitting.projections import Anchors, Methods, PathFitter


@dataclass(slots=True, eq=False)
class Fitted:
    """The paths that are measured, those that are served, and what is reported of their training.

    `compared` is, by member, what its paths were chosen from, where that was tried.
    """

    measured: list[BoundPath]
    served: list[BoundPath]
    training: list[dict[str, Any]] = field(default_factory=list)
    compared: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(
        self, fitter: PathFitter, anchors: Sequence[Anchors], methods: Methods, *, stands_in: bool
    ) -> None:
        """Fits a path by each of the methods: `anchors` are those without what is measured on, and all."""
        for method, parameters in methods:
            measured, _ = fitter.fit(anchors[0], method, parameters)
            served, report = fitter.fit(anchors[1], method, parameters)
            self.measured.append(replace(measured, stands_in=stands_in))
            self.served.append(replace(served, stands_in=stands_in))
            self.training.append(report)


def fit_paths(material: Material, layout: Layout, fitter: PathFitter, say: Callable[[str], None]) -> Fitted:
    """From the paths of spaces into their own blocks to all of them."""
    fitted = Fitted(list(layout.native), list(layout.native))
    members = material.members
    ways = [
        (block, text, into_text)
        for block in layout.specs
        for text in members.texts
        for into_text in (False, True)
    ]
    for number, (block, text, into_text) in enumerate(ways, 1):
        anchors = [
            anchors_of(material, block, text, into_text, paths, everything)
            for paths, everything in ((fitted.measured, False), (fitted.served, True))
        ]
        say(f"path {number} of {len(ways)}: {anchors[0].path}")
        apart = held_out(material, block, text, into_text) if block.member.paired else None
        chosen = fitter.choose(anchors[0], apart)
        if chosen.report:
            fitted.compared.setdefault(block.name, []).append(chosen.report)
        if not chosen.with_views:
            anchors = [replace(one, views=None) for one in anchors]
        # A tower and a classifier of one modality enter either's block by that block's own encoder.
        seen = {tower.modality for tower in members.towers_of(text)}
        fitted.add(fitter, anchors, chosen.methods, stands_in=block.member.modality in seen)
    # A text enters a block by the block's own space, and by these paths where that is missing. What a tower
    # encodes always takes them, into blocks whose own space does not encode it.
    for source, target in text_ways(members):
        anchors = [text_anchors(material, source, target, everything) for everything in (False, True)]
        say(f"path between text spaces: {anchors[0].path}")
        fitted.add(fitter, anchors, fitter.choose(anchors[0]).methods, stands_in=True)
    return fitted
