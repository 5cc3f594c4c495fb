"""Encoders that share a space: one block, which all of them enter by their own vectors.

A dual encoder's text encoder is a text space like the others: class names anchor it to classifiers, and
sentences, as many as one likes, to other text spaces (OmniBind, arXiv:2407.11895, binds existing spaces by
what several of them encode). Its other encoders, here towers, say nothing of texts; but they are in the same
space, so every path that leads a text out of it leads their vectors too, and photos that a tower and a
classifier both see are pairs that nobody made.

The encoders of one space hold the same thing a constant apart, the modality gap (Liang et al., 2022,
arXiv:2203.02053). So the mean of each is taken off its vectors, where enough real inputs tell what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import unit_rows
from tieback.models.bound_space import NATIVE, Block, BoundPath, BoundRouter
from tieback.recipes.binding.anchors import CAPTION
from tieback.recipes.binding.entering import Dense
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.members import Members, called
from tieback.recipes.binding.project import AFFINE, ATTENTION, ENSEMBLE, FEWEST_INPUTS, Anchored
from tieback.recipes.binding.pseudo_pairs import pseudo_pairs
from tieback.recipes.binding.tasks import Task

FEWEST_SHARED = 32
"""So many photos that a tower and a classifier both see are anchors; fewer are left to the class names."""

UNSEEN = 0.2
"""Share of those that paths are chosen by."""

FEWEST_PAIRS = 8
"""So many pairs that a shared space finds by itself say what losing one of its encoders costs."""

HELD_OUT = 0.1
"""Share of the sentences that paths between text spaces are chosen by."""

Centres = dict[str, dict[Modality, Array]]


def block_of(text: EncoderCard, members: Members) -> tuple[Block, list[BoundPath]]:
    """The block of the text encoder's shared space, and the paths of all its encoders into it."""
    towers = members.towers_of(text)
    found_there = towers[0].modality if towers else Modality.TEXT
    encodes = (Modality.TEXT, *(tower.modality for tower in towers))
    block = Block(text.space, found_there, text.width, encodes)
    return block, [BoundPath(called(card), card.width, text.space.name, NATIVE) for card in (text, *towers)]


def centred(material: Material) -> tuple[Material, Centres]:
    """The material with the vectors of shared spaces less their encoders' means, and the means.

    A space with a tower that has read fewer than FEWEST_INPUTS inputs stays as it is.
    """
    centres: Centres = {}
    for text in material.members.texts:
        towers = material.members.towers_of(text)
        if towers and all(len(material.inputs[tower.name].dense) >= FEWEST_INPUTS for tower in towers):
            spoken = [
                material.names[one.card.name][text.name][:, one.once(np.arange(len(one.names)))]
                for one in material.members.classifiers
            ]
            flat = [rows.reshape(-1, text.width) for rows in spoken]
            read = np.concatenate([*flat, material.sentences[text.name]])
            centres[text.space.name] = {Modality.TEXT: _mean(read)} | {
                tower.modality: _mean(material.inputs[tower.name].dense) for tower in towers
            }
            material = _less(material, text, towers, centres[text.space.name])
    return material, centres


def _mean(rows: Array) -> Array:
    return np.asarray(rows[rows.any(axis=1)].mean(axis=0), np.float32)


def _less(
    material: Material, text: EncoderCard, towers: Sequence[EncoderCard], centres: Mapping[Modality, Array]
) -> Material:
    def moved(rows: Array, modality: Modality) -> Array:
        flat = rows.reshape(-1, rows.shape[-1])
        less = unit_rows(flat - centres[modality]) * flat.any(axis=1, keepdims=True)
        return np.asarray(less.reshape(rows.shape), np.float32)

    def with_text(vectors: Mapping[str, Array]) -> dict[str, Array]:
        return {
            name: moved(rows, Modality.TEXT) if name == text.name else rows for name, rows in vectors.items()
        }

    kinds = {tower.name: tower.modality for tower in towers}
    user = material.user
    return replace(
        material,
        names={name: with_text(rows) for name, rows in material.names.items()},
        sentences=with_text(material.sentences),
        scenes={name: replace(one, texts=with_text(one.texts)) for name, one in material.scenes.items()},
        neutral=with_text(material.neutral),
        inputs={
            name: replace(one, dense=moved(one.dense, kinds[name])) if name in kinds else one
            for name, one in material.inputs.items()
        },
        user=replace(
            user,
            texts=with_text(user.texts),
            same=with_text(user.same),
            others={
                name: moved(rows, kinds[name]) if name in kinds else rows
                for name, rows in user.others.items()
            },
        ),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What a tower and a classifier say of the inputs that both have read: rows of either, a row an input.

    `training` are those to fit with where paths are chosen and measured, by `unseen`.
    """

    every: tuple[Array, Array]
    training: tuple[Array, Array]
    unseen: tuple[Array, Array]


def shared_inputs(material: Material, classifier: EncoderCard, text: EncoderCard, seed: int) -> Shared | None:
    """What a tower of the text's space has read as the classifier has; None of fewer than FEWEST_SHARED."""
    mine = material.inputs[classifier.name]
    for tower in material.members.towers_of(text):
        if tower.modality is classifier.modality:
            theirs = {file: row for row, file in enumerate(material.inputs[tower.name].files)}
            both = [(theirs[file], row) for row, file in enumerate(mine.files) if file in theirs]
            if len(both) >= FEWEST_SHARED:
                left, right = (list(rows) for rows in zip(*both, strict=True))
                rows = material.inputs[tower.name].dense[left], mine.dense[right]
                order = np.random.default_rng(seed).permutation(len(both))
                apart = round(UNSEEN * len(both))
                chosen = [np.sort(one) for one in (order[apart:], order[:apart])]
                training, unseen = ((rows[0][one], rows[1][one]) for one in chosen)
                return Shared(rows, training, unseen)
    return None


def seen_by_both(anchors: Anchored, shared: Shared) -> Anchored:
    """The anchors of a path from a classifier into a shared block, where both have seen enough.

    Attention keeps what each class would look like as an anchor too; the other methods learn from real inputs
    alone. Those that were left out choose among them.
    """
    seen, features = shared.unseen
    none = (anchors.captions[0][:0], anchors.captions[1][:0])
    choices = (ATTENTION, AFFINE, ENSEMBLE)
    return replace(anchors, captions=none, validation=(features, seen), made_up=False, choices=choices)


def readable(material: Material, modality: Modality, centres: Centres) -> tuple[EncoderCard, ...]:
    """The towers that a router can read: those of which it is known where their vectors lie."""
    return tuple(
        tower
        for tower in material.members.towers
        if tower.modality is modality and modality in centres.get(tower.space.name, {})
    )


def made_up(
    material: Material, classifier: str, towers: Sequence[EncoderCard], classes: Array
) -> dict[str, Array]:
    """What towers would say of the classes: what their text encoder says of the names, the gap taken off."""
    texts = {card.space.name: card for card in material.members.texts}
    return {
        tower.name: material.class_texts(classifier, texts[tower.space.name].name)[classes]
        for tower in towers
    }


def text_ways(members: Members) -> list[tuple[EncoderCard, EncoderCard]]:
    """From and into each shared space that has a tower, the other text spaces."""
    found = []
    for text in members.texts:
        if members.towers_of(text):
            others = [one for one in members.texts if one.space != text.space]
            found += [(one, text) for one in others]
            found += [(text, one) for one in others if not members.towers_of(one)]
    return found


def text_anchors(
    material: Material, source: EncoderCard, target: EncoderCard, classes: Mapping[str, Array],
    chosen_by: Mapping[str, Array], seed: int,
) -> Anchored:  # fmt: skip
    """Anchors between two text spaces: what both say of class names, in captions, and of sentences.

    `classes` and `chosen_by` are by classifier: to fit with, to choose by.
    """

    def both(rows: Mapping[str, list[Array]]) -> tuple[Array, Array]:
        left, right = (
            np.concatenate([np.zeros((0, card.width), np.float32), *rows[card.name]])
            for card in (source, target)
        )
        spoken = left.any(axis=1) & right.any(axis=1)
        return left[spoken], right[spoken]

    def means(chosen: Mapping[str, Array]) -> dict[str, list[Array]]:
        return {
            card.name: [material.class_texts(name, card.name)[rows] for name, rows in chosen.items()]
            for card in (source, target)
        }

    captions = {
        card.name: [
            material.names[name][card.name][:, rows].reshape(-1, card.width) for name, rows in classes.items()
        ]
        for card in (source, target)
    }
    count = len(material.sentences[source.name])
    order = np.random.default_rng(seed).permutation(count)
    apart = round(HELD_OUT * count)
    sentences = {
        inside: {card.name: [material.sentences[card.name][np.sort(rows)]] for card in (source, target)}
        for inside, rows in ((True, order[apart:]), (False, order[:apart]))
    }
    last, unseen = both(sentences[False]), both(means(chosen_by))
    return Anchored(
        f"{source.name} -> {target.name}",
        source,
        target.space.name,
        both(means(classes)),
        both(captions),
        both(sentences[True]),
        (np.concatenate([unseen[0], last[0]]), np.concatenate([unseen[1], last[1]])),
        made_up=False,
        choices=(AFFINE, ENSEMBLE),
    )


def for_towers(paths: Sequence[BoundPath], members: Members) -> list[BoundPath]:
    """The paths that lead texts out of shared spaces, led by the towers' vectors."""
    texts = {card.name: card for card in members.texts}
    return [
        replace(path, source=called(tower))
        for path in paths
        if path.method != NATIVE and path.source.name in texts
        for tower in members.towers_of(texts[path.source.name])
    ]


def own_pairs(material: Material) -> list[Task]:
    """Pairs of inputs and texts that a shared space holds to be each other's nearest, either way.

    They are its own judgement, so they are no measure of retrieval, and of what is lost without one of its
    encoders they say rather too much than too little.
    """
    found = []
    for text in material.members.texts:
        for tower in material.members.towers_of(text):
            inputs = material.inputs[tower.name]
            captions = [
                material.captions(one.card.name, CAPTION, one.once(np.arange(len(one.names))))
                for one in material.members.classifiers
            ]
            every = {
                card.name: np.concatenate(
                    [material.sentences[card.name], *(one[card.name] for one in captions)]
                )
                for card in material.members.texts
            }
            pairs = (
                pseudo_pairs([inputs.dense @ every[text.name].T]) if len(inputs.dense) else np.zeros((0, 2))
            )
            if len(pairs) < FEWEST_PAIRS:
                continue
            said = {name: rows[pairs[:, 1]] for name, rows in every.items()}
            seen = _read(material, tower, [inputs.files[row] for row in pairs[:, 0]])
            name = f"{text.space.name}'s own pairs"
            found.append(Task(f"text → {tower.modality} ({name})", Modality.TEXT, said, seen))
            found.append(Task(f"{tower.modality} → text ({name})", tower.modality, seen, said))
    return found


def _read(material: Material, tower: EncoderCard, files: Sequence[object]) -> Dense:
    """What every encoder of the tower's modality says of these files; zeros of what it could not read."""
    found = {}
    for card in material.members.reading(tower.modality):
        inputs = material.inputs[card.name]
        rows = {file: row for row, file in enumerate(inputs.files)}
        places = [rows.get(file, len(inputs.files)) for file in files]  # type: ignore[call-overload]  # paths
        found[card.name] = np.concatenate([inputs.dense, np.zeros((1, card.width), np.float32)])[places]
    return found


def as_served(paths: Sequence[BoundPath], members: Members) -> tuple[BoundPath, ...]:
    """The paths from spaces as encodings name them; what leads a text encoder leads the towers."""
    spaces = {card.name: card.space for card in members.cards}
    towers = {tower.name for tower in members.towers}
    return tuple(
        replace(path, source=spaces[path.source.name]) for path in paths if path.source.name not in towers
    )


def router_as_served(router: BoundRouter, members: Members) -> BoundRouter:
    """The router, reading spaces as encodings name them."""
    spaces = {card.name: card.space.name for card in members.cards}
    return replace(router, inputs=tuple(spaces[name] for name in router.inputs))


def losses_as_served(
    losses: Mapping[str, Mapping[str, float]], members: Members
) -> dict[str, dict[str, float]]:
    """Losses by space: of a shared one, what the encoder of the modality is worth."""
    found = {}
    for modality, of_modality in losses.items():
        mine = dict(of_modality)
        for card in members.cards:
            if card.shares is not None and card.name in mine:
                lost = mine.pop(card.name)
                if card.modality.value == modality:
                    mine[card.space.name] = lost
        found[modality] = mine
    return found
