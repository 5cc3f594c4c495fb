"""What a binding is worth, on classes and pairs that no fit has seen: the numbers of its report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import Dense
from tieback.joint.retrieval import DIGITS, score, similarities
from tieback.joint.space import Joint
from tieback.methods.bridging import bridges
from tieback.methods.projection import unit_rows
from tieback.recipes.binding.blocks import BlockSpec
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.routers import NEITHER
from tieback.training.class_texts import CAPTION

NEIGHBOURS, QUERIES = 5, 8
TEXTS = {
    "image": "captions of photos",
    "audio": "captions of sounds",
    "points": "captions of 3D models",
    NEITHER: "other sentences",
}
"""Kinds of texts, and what they are."""
NEAREST = 15.0
"""Sharpness of the softmax that stands for a classifier's where a class is one it was never shown."""


def alignment(joint: Joint, training_set: TrainingSet, blocks: Sequence[BlockSpec]) -> dict[str, Any]:
    """How much nearer two spaces hold the same held-out thing than other ones: mean cosine, matched less not.

    `before` is by class names, between a classifier and a text space alone: a class that was left out enters
    as the ten training classes most like it.
    """
    participants = training_set.participants
    names = [card.name for card in (*participants.texts, *(one.card for one in participants.labelled))]
    after: list[list[float | None]] = [[None] * len(names) for _ in names]
    before: list[list[float | None]] = [[None] * len(names) for _ in names]
    margins: dict[tuple[int, int], list[float]] = {}
    for block in blocks:
        chosen = block.member.each.held_out
        if len(chosen) < 2:
            continue
        texts = training_set.names[block.name]
        dense = {text: unit_rows(rows.mean(axis=0)[chosen]) for text, rows in texts.items()}
        dense[block.name] = block.features[chosen]
        projected = {space: joint.project_inputs({space: rows}) for space, rows in dense.items()}
        for (i, a), (j, b) in product(enumerate(names), repeat=2):
            if a in projected and b in projected:
                shared = similarities(projected[a], projected[b])
                margins.setdefault((i, j), []).extend(_margin(one) for one in shared.values())
        place = names.index(block.name)
        for text in texts if not block.member.paired else ():
            encoded = _by_class_names(block, training_set.class_texts(block.name, text), chosen)
            other = names.index(text)
            before[place][other] = before[other][place] = round(_margin(dense[text] @ encoded.T), DIGITS)
    for (i, j), values in margins.items():
        after[i][j] = round(float(np.mean(values)), DIGITS)
    return {"spaces": names, "before": before, "after": after}


def _margin(cosines: Array) -> float:
    same = np.eye(len(cosines), dtype=bool)
    return float(cosines[same].mean() - cosines[~same].mean())


def _by_class_names(block: BlockSpec, texts: Array, chosen: Array) -> Array:
    binding = bridges.configure("class_names")
    training, directions = block.member.split.training, block.member.directions
    near = np.exp(NEAREST * (directions[chosen] @ directions[training].T))
    return np.stack([binding(row / row.sum(), texts[training]) for row in near])


def mean_weights(
    joint: Joint, training_set: TrainingSet, blocks: Sequence[BlockSpec], texts: Mapping[str, Dense]
) -> dict[str, Any]:
    """The mean weight of every block over some inputs of a kind, by what they are; texts are by kind."""
    inputs = [(TEXTS[kind], Modality.TEXT, dense) for kind, dense in texts.items()]
    participants = training_set.participants
    read = [
        (one.card, "photos" if one.modality is Modality.IMAGE else "sounds") for one in participants.labelled
    ]
    for card, what in (*read, *((tower, tower.modality.value) for tower in participants.towers)):
        dense = {card.name: training_set.inputs[card.name].dense}
        inputs.append((f"{what} ({card.name})", card.modality, dense))
    for one in blocks:
        if one.member.paired:
            what = "solids" if one.member.captioned else "your pairs"
            inputs.append((f"{what} ({one.name})", one.member.modality, one.inputs(one.member.unseen)))
    rows = []
    for what, modality, vectors in inputs:
        if len(next(iter(vectors.values()))):
            weights = joint.weights(modality, vectors)
            means = {name: round(float(one.mean()), DIGITS) for name, one in weights.items()}
            rows.append({"what": what, "weights": means})
    return {"rows": rows}


def neighbours(joint: Joint, training_set: TrainingSet, blocks: Sequence[BlockSpec]) -> list[dict[str, Any]]:
    """The inputs nearest to the names of their classes, or to their own texts, before binding and after.

    The ids are the files' names, or the names of things; what had no classes was near nothing before.
    """
    classes_first = sorted(blocks, key=lambda block: block.member.paired)
    return [
        one
        for block in classes_first
        for one in (_things if block.member.paired else _files)(joint, training_set, block)
    ]


def _files(joint: Joint, training_set: TrainingSet, block: BlockSpec) -> Iterator[dict[str, Any]]:
    """Photos and sounds, by the classes that a classifier takes them for."""
    inputs = training_set.inputs[block.name]
    if len(inputs.files) < 2:
        return
    chosen = list(dict.fromkeys(int(one) for one in inputs.classes[:, 0] if one >= 0))[:QUERIES]
    names = training_set.names[block.name]
    dense = {text: rows[CAPTION][chosen] for text, rows in names.items()}
    after = _scores(joint, dense, {block.name: inputs.dense})
    each = [dense[text] @ inputs.by_names(rows[0]).T for text, rows in names.items()]
    before = np.asarray(np.sum(each, axis=0, dtype=np.float64))  # every space counts the same
    ids = [file.name for file in inputs.files]
    for one, *candidates in zip(chosen, before, after, strict=True):
        yield _nearest(block.member.names[one], ids, *candidates)


def _things(joint: Joint, training_set: TrainingSet, block: BlockSpec) -> Iterator[dict[str, Any]]:
    """Held-out inputs, by the texts of things."""
    member, rows = block.member, block.member.unseen
    if len(rows) < 2:
        return
    things = member.once(rows)
    chosen = things[:: max(1, len(things) // QUERIES)][:QUERIES]
    dense = training_set.captions(member.name, CAPTION, chosen)
    after = _scores(joint, dense, {member.name: block.features[rows]})
    for row, scores in zip(chosen, after, strict=True):
        yield _nearest(member.names[row], [member.names[one] for one in rows], None, scores)


def _scores(joint: Joint, texts: Dense, documents: Dense) -> Array:
    """What texts and documents score `[texts, documents]`, weighted as texts are."""
    cosines = similarities(joint.project_inputs(texts), joint.project_inputs(documents))
    return score(cosines, joint.weights(Modality.TEXT, texts))


def _nearest(query: str, ids: Sequence[str], before: Array | None, after: Array) -> dict[str, Any]:
    found = {
        when: [] if scores is None else [ids[one] for one in np.argsort(-scores, kind="stable")[:NEIGHBOURS]]
        for when, scores in (("before", before), ("after", after))
    }
    return {"query": query, **found}


def pair_accuracy(joint: Joint, training_set: TrainingSet, block: BlockSpec) -> dict[str, Any]:
    """How often an input's nearest text is its own: of things that no fit has seen, and of others."""
    member = block.member
    found: dict[str, Any] = {"rows": len(member.names), "things": len(np.unique(member.things))}
    for what, rows in (("unseen_things", member.split.held_out), ("new_samples", member.apart)):
        things = member.once(rows)
        if len(things) < 2:
            continue
        dense = {member.name: block.features[rows]}
        texts = training_set.captions(member.name, CAPTION, things)
        cosines = similarities(joint.project_inputs(dense), joint.project_inputs(texts))
        total = score(cosines, joint.weights(member.modality, dense))
        right = member.things[things][total.argmax(axis=1)] == member.things[rows]
        accuracy = round(float(right.mean()), DIGITS)
        found[what] = {"inputs": len(rows), "texts": len(things), "accuracy": accuracy}
    return found
