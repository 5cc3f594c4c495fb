"""The anchors of each projection: of a text space and a classifier, an encoder of pairs, or a text space.

With `everything`, they include what is measured on: the projections that are served are fitted so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.catalog.card import EncoderCard
from tieback.joint.projecting import project
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundProjection
from tieback.recipes.binding.blocks import BlockSpec, Layout
from tieback.recipes.binding.dual_encoders import Shared, shared_inputs, text_space_pairs
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.projections import (
    AFFINE,
    ATTENTION,
    Anchors,
    ProjectionFitter,
    first_of_each,
)
from tieback.training.splits import split_off

HELD_OUT = 0.1
"""Share of the sentences that projections between text spaces are chosen by."""


def anchors_of(
    training_set: TrainingSet, block: BlockSpec, text: EncoderCard, into_text: bool, everything: bool
) -> Anchors:
    """Between a text space and a member, either way."""
    made = _of_inputs if block.member.paired else _of_classes
    return made(training_set, block, text, into_text, everything)


def _of_classes(
    training_set: TrainingSet, block: BlockSpec, text: EncoderCard, into_text: bool, everything: bool
) -> Anchors:
    """A class's name, in captions, and what the classifier holds it to look like.

    Further are inputs that a tower of the text's space has read as well, and the user's pairs. Into a space
    with such inputs, these choose the method. Attention keeps what each class would look like as an anchor
    too; the other methods learn from real inputs alone.
    """
    member = block.member
    rows = member.rows if everything else member.split.training
    chosen_by = member.split.validation
    user_texts, user_features = _of_user(training_set, block, text, everything)
    names = training_set.names[member.name][text.name]
    mean = training_set.class_texts(member.name, text.name)
    features = block.features if into_text else block.targets
    shared = shared_inputs(training_set, member.card, text)
    real = (mean[:0], block.features[:0])
    if shared is not None:
        real = shared.every if everything else shared.training
    texts, inputs = np.concatenate([real[0], user_texts]), np.concatenate([real[1], user_features])
    if len(inputs) and not block.native.state["centre"].any():
        # Beside directions, what all features share would draw every input to the few that are real.
        inputs = inputs - inputs.mean(axis=0)

    def facing(one: Array, other: Array) -> tuple[Array, Array]:
        present = one.any(axis=1) & other.any(axis=1)
        return (other[present], one[present]) if into_text else (one[present], other[present])

    found = Anchors(
        *_ends(block, text, into_text),
        facing(mean[rows], features[rows]),
        facing(names[:, rows].reshape(-1, text.width), np.tile(features[rows], (len(names), 1))),
        facing(texts, inputs if into_text else project(block.native, inputs)),
        facing(mean[chosen_by], features[chosen_by]),
        made_up=into_text,
    )
    return seen_by_both(found, shared) if into_text and shared else found


def seen_by_both(anchors: Anchors, shared: Shared) -> Anchors:
    """The anchors of a projection from a classifier into a shared block, where both have seen enough."""
    seen, features = shared.unseen
    none = (anchors.captions[0][:0], anchors.captions[1][:0])
    choices = (ATTENTION, AFFINE)
    return replace(anchors, captions=none, validation=(features, seen), made_up=False, choices=choices)


def _of_inputs(
    training_set: TrainingSet, block: BlockSpec, text: EncoderCard, into_text: bool, everything: bool
) -> Anchors:
    """An input of a pair and its text; a text has one anchor into the block, the mean of its inputs."""
    member = block.member
    rows = member.rows if everything else member.split.training
    texts = training_set.class_texts(block.name, text.name)
    source, target, things = texts[rows], block.features[rows], member.things[rows]
    if into_text:
        source, target = target, source
    else:
        known, first = np.unique(things, return_index=True)
        means = [block.targets[rows[things == thing]].mean(axis=0) for thing in known]
        source, target, things = source[first], unit_rows(np.stack(means)), known
    kept = first_of_each(source, target)
    kept = kept[source[kept].any(axis=1) & target[kept].any(axis=1)]
    pairs, none = (source[kept], target[kept]), (source[:0], target[:0])
    ends = _ends(block, text, into_text)
    return Anchors(*ends, pairs, pairs, none, none, made_up=False, groups=things[kept])


def text_anchors(
    training_set: TrainingSet, source: EncoderCard, target: EncoderCard, everything: bool
) -> Anchors:
    """Between two text spaces: their vectors of class names, in captions, and of sentences."""
    ends = (source.name, target.name)

    def both(rows: Mapping[str, Sequence[Array]]) -> tuple[Array, Array]:
        left, right = (
            np.concatenate([np.zeros((0, card.width), np.float32), *rows[card.name]])
            for card in (source, target)
        )
        encoded = left.any(axis=1) & right.any(axis=1)
        return left[encoded], right[encoded]

    def means(rows: Mapping[str, Array]) -> tuple[Array, Array]:
        return both(
            {text: [training_set.class_texts(name, text)[one] for name, one in rows.items()] for text in ends}
        )

    participants = training_set.participants.labelled
    rows = {one.name: one.once(one.rows) if everything else one.each.training for one in participants}
    count = len(training_set.sentences[source.name])
    read = split_off(count, round(HELD_OUT * count), 0, training_set.seed)
    fitted, last = (
        both({text: [training_set.sentences[text][places]] for text in ends})
        for places in (read.training, read.held_out)
    )
    unseen = means({one.name: one.each.validation for one in participants})
    validation = (np.concatenate([unseen[0], last[0]]), np.concatenate([unseen[1], last[1]]))
    return Anchors(
        f"{source.name} -> {target.name}",
        source,
        target.space.name,
        means(rows),
        both({text: training_set.templates(rows, text) for text in ends}),
        fitted,
        validation,
        made_up=False,
        choices=(AFFINE,),
    )


def _ends(block: BlockSpec, text: EncoderCard, into_text: bool) -> tuple[str, EncoderCard, str]:
    """The projection's name, its source, and its block."""
    if into_text:
        return f"{block.name} -> {text.name}", block.member.card, text.space.name
    return f"{text.name} -> {block.name}", text, block.name


def _of_user(
    training_set: TrainingSet, block: BlockSpec, text: EncoderCard, everything: bool
) -> tuple[Array, Array]:
    """The texts and the inputs of the user's pairs of the member's modality."""
    user, modality = training_set.user, block.member.modality
    rows = user.fitted(modality, everything=everything)
    if not len(rows):
        return np.zeros((0, text.width), np.float32), block.features[:0]
    return user.texts[text.name][user.rows(modality)[rows]], user.others[block.name][rows]


# All space projections of a binding: each fitted without what is measured on, and again with everything.
#
# Every text space is projected into every other member's block, and every member into every text space's;
# and shared spaces and other text spaces into each other's.
@dataclass(slots=True, eq=False)
class Fitted:
    """The projections that are measured, those that are served, and what is reported of their training."""

    measured: list[BoundProjection]
    served: list[BoundProjection]
    training: list[dict[str, Any]] = field(default_factory=list)

    def add(self, fitter: ProjectionFitter, anchors: Sequence[Anchors], *, imputes: bool) -> None:
        """Fits one: `anchors` are those without what is measured on, and all."""
        method, parameters = fitter.choose(anchors[0])
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
            anchors_of(training_set, block, text, into_text, everything) for everything in (False, True)
        ]
        say(f"projection {number} of {len(wanted)}: {anchors[0].projection}")
        # A tower and a classifier of one modality enter either's block by that block's own encoder.
        encoded = {tower.modality for tower in participants.towers_of(text)}
        fitted.add(fitter, anchors, imputes=block.member.modality in encoded)
    # A text enters a block by the block's own space, and by these where that is missing. What a tower encodes
    # always takes them, into blocks whose own space does not encode it.
    for source, target in text_space_pairs(participants):
        anchors = [text_anchors(training_set, source, target, everything) for everything in (False, True)]
        say(f"projection between text spaces: {anchors[0].projection}")
        fitted.add(fitter, anchors, imputes=True)
    return fitted
