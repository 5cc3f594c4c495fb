"""All space projections of a binding: each fitted without what is measured on, and again with everything.

Every text space is projected into every other member's block, and every member into every text space's; and
shared spaces and other text spaces into each other's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tieback.models.joint_space_artifact import BoundProjection
from tieback.recipes.binding.anchoring import anchors_of, held_out, text_anchors
from tieback.recipes.binding.blocks import Layout
from tieback.recipes.binding.dual_encoders import text_space_pairs
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.projections import Anchors, Methods, ProjectionFitter


@dataclass(slots=True, eq=False)
class Fitted:
    """The projections that are measured, those that are served, and what is reported of their training.

    `compared` is, by member, what its projections were chosen from, where that was tried.
    """

    measured: list[BoundProjection]
    served: list[BoundProjection]
    training: list[dict[str, Any]] = field(default_factory=list)
    compared: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(
        self, fitter: ProjectionFitter, anchors: Sequence[Anchors], methods: Methods, *, imputes: bool
    ) -> None:
        """Fits one by each of the methods: `anchors` are those without what is measured on, and all."""
        for method, parameters in methods:
            measured, _ = fitter.fit(anchors[0], method, parameters)
            served, report = fitter.fit(anchors[1], method, parameters)
            self.measured.append(replace(measured, imputes=imputes))
            self.served.append(replace(served, imputes=imputes))
            self.training.append(report)


def fit_projections(
    training_set: TrainingSet, layout: Layout, fitter: ProjectionFitter, say: Callable[[str], None]
) -> Fitted:
    """From the projections of spaces into their own blocks to all of them."""
    fitted = Fitted(list(layout.native), list(layout.native))
    participants = training_set.participants
    wanted = [
        (block, text, into_text)
        for block in layout.specs
        for text in participants.texts
        for into_text in (False, True)
    ]
    for number, (block, text, into_text) in enumerate(wanted, 1):
        anchors = [
            anchors_of(training_set, block, text, into_text, projections, everything)
            for projections, everything in ((fitted.measured, False), (fitted.served, True))
        ]
        say(f"projection {number} of {len(wanted)}: {anchors[0].projection}")
        apart = held_out(training_set, block, text, into_text) if block.member.paired else None
        chosen = fitter.choose(anchors[0], apart)
        if chosen.report:
            fitted.compared.setdefault(block.name, []).append(chosen.report)
        if not chosen.with_views:
            anchors = [replace(one, views=None) for one in anchors]
        # A tower and a classifier of one modality enter either's block by that block's own encoder.
        encoded = {tower.modality for tower in participants.towers_of(text)}
        fitted.add(fitter, anchors, chosen.methods, imputes=block.member.modality in encoded)
    # A text enters a block by the block's own space, and by these where that is missing. What a tower encodes
    # always takes them, into blocks whose own space does not encode it.
    for source, target in text_space_pairs(participants):
        anchors = [text_anchors(training_set, source, target, everything) for everything in (False, True)]
        say(f"projection between text spaces: {anchors[0].projection}")
        fitted.add(fitter, anchors, fitter.choose(anchors[0]).methods, imputes=True)
    return fitted
