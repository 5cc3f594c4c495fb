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
from tieback.joint.projecting import project, project_inputs
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import BoundProjection
from tieback.recipes.binding.blocks import BlockSpec, Layout
from tieback.recipes.binding.dual_encoders import Shared, shared_inputs, text_space_pairs
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.projections import (
    AFFINE,
    ATTENTION,
    ENSEMBLE,
    Anchors,
    Methods,
    ProjectionFitter,
    first_of_each,
)
from tieback.training.splits import split_off

HELD_OUT = 0.1
"""Share of the sentences that projections between text spaces are chosen by."""


def anchors_of(
    training_set: TrainingSet,
    block: BlockSpec,
    text: EncoderCard,
    into_text: bool,
    fitted: Sequence[BoundProjection],
    everything: bool,
) -> Anchors:
    """Between a text space and a member, either way. Views of inputs take the projections `fitted` so far."""
    if block.member.paired:
        return _of_inputs(training_set, block, text, into_text, fitted, everything)
    return _of_classes(training_set, block, text, into_text, everything)


def held_out(
    training_set: TrainingSet, block: BlockSpec, text: EncoderCard, into_text: bool
) -> tuple[Array, Array]:
    """Inputs and texts of things that no fit has seen, one facing the other; a text faces their mean."""
    member, rows = block.member, block.member.split.held_out
    texts = training_set.class_texts(member.name, text.name)
    if into_text:
        return block.features[rows], texts[rows]
    each = member.once(rows)
    means = [block.targets[rows[member.things[rows] == member.things[row]]].mean(axis=0) for row in each]
    return texts[each], unit_rows(np.stack(means)) if means else block.targets[:0]


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
    choices = (ATTENTION, AFFINE, ENSEMBLE)
    return replace(anchors, captions=none, validation=(features, seen), made_up=False, choices=choices)


def _of_inputs(
    training_set: TrainingSet,
    block: BlockSpec,
    text: EncoderCard,
    into_text: bool,
    fitted: Sequence[BoundProjection],
    everything: bool,
) -> Anchors:
    """An input and its text; for inputs that the recipe makes, the user's pairs beside them.

    A text has one anchor into the member's block, the mean of its inputs; an input has one into the text
    space.
    """
    member, name = block.member, block.name
    rows = member.rows if everything else member.split.training
    mean = training_set.class_texts(name, text.name)
    texts, inputs, things = mean[rows], block.features[rows], member.things[rows]
    views = _views(member.views, rows, text.space.name, fitted)
    user_rows = training_set.user.fitted(member.modality, everything=everything)
    if member.captioned and len(user_rows):
        user_texts, user_inputs = _of_user(training_set, block, text, everything)
        texts, inputs = np.concatenate([texts, user_texts]), np.concatenate([inputs, user_inputs])
        things = np.concatenate([things, len(member.names) + np.arange(len(user_rows))])
        own = _views(member.user_views, user_rows, text.space.name, fitted)
        views = np.concatenate([views, own]) if views is not None and own is not None else None
    chosen_by, ends = member.split.validation, _ends(block, text, into_text)
    choices = (ATTENTION, ENSEMBLE)
    if into_text:
        kept = _once(inputs, texts)
        pairs = (inputs[kept], texts[kept])
        validation = (block.features[chosen_by], mean[chosen_by])
        views = None if views is None else views[kept]
        none = (inputs[:0], texts[:0])
        return Anchors(*ends, pairs, pairs, none, validation, False, choices, things[kept], views)
    targets = project(block.native, inputs)
    known, first, of = np.unique(things, return_index=True, return_inverse=True)
    means = unit_rows(np.stack([targets[of == n].mean(axis=0) for n in range(len(known))]))
    names = training_set.names[name][text.name]
    own_things = known < len(member.names)  # the user's pairs have no templates
    captions = [one[rows[first[own_things]]] for one in names] + [texts[first[~own_things]]]
    copies = [np.flatnonzero(own_things)] * len(names) + [np.flatnonzero(~own_things)]
    sources, facing = np.concatenate(captions), means[np.concatenate(copies)]
    one, every = _once(texts[first], means), _once(sources, facing)
    each, all_captions = (texts[first][one], means[one]), (sources[every], facing[every])
    validation = (mean[chosen_by], block.targets[chosen_by])
    none = (texts[:0], means[:0])
    return Anchors(*ends, each, all_captions, none, validation, False, choices, known[one])


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
        choices=(AFFINE, ENSEMBLE),
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


def _views(
    views: Mapping[str, Array], rows: Array, text: str, fitted: Sequence[BoundProjection]
) -> Array | None:
    """The views `[rows, views, text width]` in the text block, by the projections of spaces of pictures."""
    projections = [one for one in fitted if one.source.name in views and one.block == text]
    if not projections:
        return None
    dense = {name: one[rows].reshape(-1, one.shape[2]) for name, one in views.items()}
    flat = project_inputs(projections, dense)[text]
    return flat.reshape(len(rows), -1, flat.shape[1])


def _once(source: Array, target: Array) -> Array:
    """Places of the pairs of which both sides have a vector, each pair once."""
    first = first_of_each(source, target)
    return np.asarray(first[source[first].any(axis=1) & target[first].any(axis=1)])


# All space projections of a binding: each fitted without what is measured on, and again with everything.
#
# Every text space is projected into every other member's block, and every member into every text space's;
# and shared spaces and other text spaces into each other's.
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
