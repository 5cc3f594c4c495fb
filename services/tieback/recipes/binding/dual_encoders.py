"""Encoders that share a space: one block, which all of them enter by their own vectors.

A dual encoder's text encoder is a text space like the others: class names anchor it to classifiers, and
sentences, as many as one likes, to other text spaces (OmniBind, arXiv:2407.11895, binds existing spaces by
what several of them encode). Its other encoders, here towers, encode no texts; but they are in the same
space, so every projection of texts out of it projects their vectors too, and photos that a tower and a
classifier both encode are pairs that nobody made.

The encoders of one space hold the same thing a constant apart, the modality gap (Liang et al., 2022,
arXiv:2203.02053). So the mean of each is taken off its vectors, where enough real inputs show what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.joint.projecting import Dense, rows_of
from tieback.joint.retrieval import Task, both_ways
from tieback.methods.projection import unit_rows
from tieback.models.joint.artifact import NATIVE, BoundProjection, BoundRouter
from tieback.recipes.binding.blocks import Centres
from tieback.recipes.binding.participants import Participants
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.projections import called
from tieback.training.class_texts import CAPTION
from tieback.training.splits import split_off


def nearest_of_each_other(cosines: Array) -> Array:
    """Pairs (input, text) `[pairs, 2]` of those that are each other's nearest, by input.

    `cosines` are `[inputs, texts]`; inputs differ in how far theirs spread, and only their order counts.
    """
    if not cosines.size:
        return np.zeros((0, 2), np.int64)
    spread = cosines.std(axis=1, keepdims=True)
    near = (cosines - cosines.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    best, inputs = near.argmax(axis=1), np.arange(len(near))
    kept = inputs[near[:, best].argmax(axis=0) == inputs]
    return np.stack([kept, best[kept]], axis=1)


FEWEST_INPUTS = 8
"""So many photos or sounds show where an encoder's vectors lie that is compared with another of its space."""

FEWEST_SHARED = 32
"""So many photos that a tower and a classifier both encode are anchors; fewer are left to the class names."""

UNSEEN = 0.2
"""Share of those that projections are chosen by."""

FEWEST_PAIRS = 8
"""So many pairs that a shared space finds by itself show what losing one of its encoders costs."""


def centred(training_set: TrainingSet) -> tuple[TrainingSet, Centres]:
    """The training set with the vectors of shared spaces less their encoders' means, and the means.

    A space with a tower that has read fewer than FEWEST_INPUTS inputs stays as it is.
    """
    means: dict[str, Array] = {}
    centres: dict[str, dict[Modality, Array]] = {}
    for text in training_set.participants.texts:
        towers = training_set.participants.towers_of(text)
        if towers and all(len(training_set.inputs[tower.name].dense) >= FEWEST_INPUTS for tower in towers):
            names = [
                training_set.names[one.name][text.name][:, one.once(one.rows)].reshape(-1, text.width)
                for one in training_set.participants.labelled
            ]
            means[text.name] = _mean(np.concatenate([*names, training_set.sentences[text.name]]))
            means |= {tower.name: _mean(training_set.inputs[tower.name].dense) for tower in towers}
            centres[text.space.name] = {card.modality: means[card.name] for card in (text, *towers)}
    return _less(training_set, means), centres


def _mean(rows: Array) -> Array:
    return np.asarray(rows[rows.any(axis=1)].mean(axis=0), np.float32)


def _less(training_set: TrainingSet, means: Mapping[str, Array]) -> TrainingSet:
    """With the vectors of these encoders less their means."""

    def moved(name: str, rows: Array) -> Array:
        if name not in means:
            return rows
        flat = rows.reshape(-1, rows.shape[-1])
        less = unit_rows(flat - means[name]) * flat.any(axis=1, keepdims=True)
        return np.asarray(less.reshape(rows.shape), np.float32)

    def every(vectors: Mapping[str, Array]) -> dict[str, Array]:
        return {name: moved(name, rows) for name, rows in vectors.items()}

    user = training_set.user
    return replace(
        training_set,
        names={name: every(rows) for name, rows in training_set.names.items()},
        sentences=every(training_set.sentences),
        scenes={name: replace(one, texts=every(one.texts)) for name, one in training_set.scenes.items()},
        neutral=every(training_set.neutral),
        inputs={
            name: replace(one, dense=moved(name, one.dense)) for name, one in training_set.inputs.items()
        },
        user=replace(user, texts=every(user.texts), same=every(user.same), others=every(user.others)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The vectors of a tower and of a classifier for the inputs that both have read, a row an input.

    `training` are those to fit with where projections are chosen and measured, by `unseen`.
    """

    every: tuple[Array, Array]
    training: tuple[Array, Array]
    unseen: tuple[Array, Array]


def shared_inputs(training_set: TrainingSet, classifier: EncoderCard, text: EncoderCard) -> Shared | None:
    """What a tower of the text's space has read as the classifier has; None of fewer than FEWEST_SHARED."""
    mine = training_set.inputs[classifier.name]
    for tower in training_set.participants.towers_of(text):
        if tower.modality is classifier.modality:
            theirs = {file: row for row, file in enumerate(training_set.inputs[tower.name].files)}
            both = [(theirs[file], row) for row, file in enumerate(mine.files) if file in theirs]
            if len(both) >= FEWEST_SHARED:
                left, right = (list(rows) for rows in zip(*both, strict=True))
                rows = training_set.inputs[tower.name].dense[left], mine.dense[right]
                found = split_off(len(both), round(UNSEEN * len(both)), 0, training_set.seed)
                training, unseen = ((rows[0][one], rows[1][one]) for one in (found.training, found.held_out))
                return Shared(rows, training, unseen)
    return None


def made_up(
    training_set: TrainingSet, member: str, modality: Modality, centres: Centres, rows: Array
) -> Dense:
    """The vectors that towers of the modality would have of a member's rows: those of the rows' names.

    Of towers alone of which it is known where their vectors lie, so that the gap can be taken off.
    """
    texts = {card.space.name: card for card in training_set.participants.texts}
    return {
        tower.name: training_set.class_texts(member, texts[tower.space.name].name)[rows]
        for tower in training_set.participants.towers
        if tower.modality is modality and modality in centres.get(tower.space.name, {})
    }


def text_space_pairs(participants: Participants) -> list[tuple[EncoderCard, EncoderCard]]:
    """From and into each shared space that has a tower, the other text spaces."""
    found = []
    for text in participants.texts:
        if participants.towers_of(text):
            others = [one for one in participants.texts if one.space != text.space]
            found += [(one, text) for one in others]
            found += [(text, one) for one in others if not participants.towers_of(one)]
    return found


def for_towers(projections: Sequence[BoundProjection], participants: Participants) -> list[BoundProjection]:
    """The projections of texts out of shared spaces, as projections of the towers' vectors."""
    texts = {card.name: card for card in participants.texts}
    return [
        replace(one, source=called(tower))
        for one in projections
        if one.method != NATIVE and one.source.name in texts
        for tower in participants.towers_of(texts[one.source.name])
    ]


def own_pairs(training_set: TrainingSet) -> list[Task]:
    """Pairs of inputs and texts that are each other's nearest in a shared space, either way.

    The space itself makes them, so they are no measure of retrieval, and the losses of its encoders that are
    measured on them are rather too high than too low.
    """
    found = []
    participants = training_set.participants
    captions = [training_set.captions(one.name, CAPTION, one.once(one.rows)) for one in participants.labelled]
    every = {
        name: np.concatenate([rows, *(one[name] for one in captions)])
        for name, rows in training_set.sentences.items()
    }
    for text in participants.texts:
        for tower in participants.towers_of(text):
            inputs = training_set.inputs[tower.name]
            pairs = nearest_of_each_other(inputs.dense @ every[text.name].T)
            if len(pairs) >= FEWEST_PAIRS:
                files = [inputs.files[row] for row in pairs[:, 0]]
                texts, seen = rows_of(every, pairs[:, 1]), _read(training_set, tower, files)
                found += both_ways(tower.modality, f" ({text.space.name}'s own pairs)", texts, seen)
    return found


def _read(training_set: TrainingSet, tower: EncoderCard, files: Sequence[Path]) -> Dense:
    """The vectors of these files by every encoder of the tower's modality; zeros where it could not read."""
    found = {}
    for card in training_set.participants.reading(tower.modality):
        inputs = training_set.inputs[card.name]
        rows = {file: row for row, file in enumerate(inputs.files)}
        places = [rows.get(file, len(inputs.files)) for file in files]
        found[card.name] = np.concatenate([inputs.dense, np.zeros((1, card.width), np.float32)])[places]
    return found


def as_served(
    projections: Sequence[BoundProjection], participants: Participants
) -> tuple[BoundProjection, ...]:
    """With the spaces that encodings name as sources; what a text encoder has is its towers' too."""
    spaces = {card.name: card.space for card in participants.cards}
    towers = {tower.name for tower in participants.towers}
    return tuple(
        replace(one, source=spaces[one.source.name]) for one in projections if one.source.name not in towers
    )


def router_as_served(router: BoundRouter, participants: Participants) -> BoundRouter:
    """The router, reading spaces as encodings name them."""
    spaces = {card.name: card.space.name for card in participants.cards}
    return replace(router, inputs=tuple(spaces[name] for name in router.inputs))


def losses_as_served(
    losses: Mapping[str, Mapping[str, float]], participants: Participants
) -> dict[str, dict[str, float]]:
    """Losses by space: of a shared one, what the encoder of the modality is worth."""
    found = {}
    for modality, of_modality in losses.items():
        mine = dict(of_modality)
        for card in participants.cards:
            if card.shares is not None and card.name in mine:
                lost = mine.pop(card.name)
                if card.modality.value == modality:
                    mine[card.space.name] = lost
        found[modality] = mine
    return found
