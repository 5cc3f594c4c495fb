"""Numbers of a binding's report, of classes and pairs that no fit has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieback_contract.modality import Modality

from tieback.joint.projecting import Dense
from tieback.joint.retrieval import DIGITS, score, similarities
from tieback.joint.space import Joint
from tieback.recipes.binding.blocks import BlockSpec
from tieback.recipes.binding.training_set import TrainingSet
from tieback.recipes.fitting.routers import NEITHER
from tieback.training.class_texts import CAPTION

TEXTS = {"image": "captions of photos", "audio": "captions of sounds", NEITHER: "other sentences"}
"""Kinds of texts, and what they are."""


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
            pairs = one.inputs(one.member.split.held_out)
            inputs.append((f"your pairs ({one.name})", one.member.modality, pairs))
    rows = []
    for what, modality, vectors in inputs:
        if len(next(iter(vectors.values()))):
            weights = joint.weights(modality, vectors)
            means = {name: round(float(one.mean()), DIGITS) for name, one in weights.items()}
            rows.append({"what": what, "weights": means})
    return {"rows": rows}


def pair_accuracy(joint: Joint, training_set: TrainingSet, block: BlockSpec) -> dict[str, Any]:
    """Share of held-out inputs whose nearest text is their own."""
    member, rows = block.member, block.member.split.held_out
    found: dict[str, Any] = {"rows": len(member.names), "things": int(member.things.max()) + 1}
    things = member.once(rows)
    if len(things) < 2:
        return found
    dense = {member.name: block.features[rows]}
    texts = training_set.captions(member.name, CAPTION, things)
    cosines = similarities(joint.project_inputs(dense), joint.project_inputs(texts))
    total = score(cosines, joint.weights(member.modality, dense))
    right = member.things[things][total.argmax(axis=1)] == member.things[rows]
    accuracy = round(float(right.mean()), DIGITS)
    return found | {"held_out": {"inputs": len(rows), "texts": len(things), "accuracy": accuracy}}
