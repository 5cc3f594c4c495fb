"""What a binding is worth, on classes and pairs that no fit has seen: the numbers of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.binding import bindings
from tieback.methods.projection import unit_rows
from tieback.recipes.binding.entering import Dense, score, similarities
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.project import Reduced
from tieback.recipes.binding.ranking import MEASURES, chance, interval, recall
from tieback.recipes.binding.tasks import Joint, Task

DIGITS = 4
NEIGHBOURS, QUERIES = 5, 8
NEAREST = 15.0
"""Sharpness of the softmax that stands for a classifier's where a class is one it was never shown."""


def retrieval(joint: Joint, tasks: Sequence[Task], seed: int) -> list[dict[str, Any]]:
    """Every task by every measure: routed, uniform, and each block alone, the best one named so."""
    found = []
    for task in tasks:
        ranks = {"routed": joint.places(task, routed=True)} if task.modality in joint.routers else {}
        ranks["uniform"] = joint.places(task, routed=False)
        shared = similarities(joint.enter(task.queries), joint.enter(task.documents))
        alone = {name: joint.places(task, routed=False, only=name) for name in shared}
        for measure, worth in MEASURES.items():
            best = max(alone, key=lambda name: float(worth(alone[name]).mean()))
            named = {f"best single: {best}": alone[best]}
            named |= {f"{name} alone": one for name, one in alone.items() if name != best}
            rows = [_row(name, interval(worth(one), seed)) for name, one in (ranks | named).items()]
            found.append(
                {
                    "task": task.name,
                    "measure": measure,
                    "queries": task.size,
                    "chance": round(chance(measure, task.size), DIGITS),
                    "rows": rows,
                }
            )
    return found


def _row(name: str, values: tuple[float, float, float]) -> dict[str, Any]:
    value, low, high = (round(one, DIGITS) for one in values)
    return {"name": name, "value": value, "low": low, "high": high}


def losses(joint: Joint, tasks: Sequence[Task]) -> dict[str, dict[str, float]]:
    """Points of R@10 that queries of each modality lose without each space, as a mean over their tasks.

    Tasks of one name are one. A space that encodes no query of a modality costs those queries nothing: other
    spaces lead them into its block, and what is stored was stored when it was there.
    """
    drops: dict[tuple[str, str], dict[str, list[float]]] = {}
    spaces = list(dict.fromkeys([*(path.source.name for path in joint.paths), *joint.names]))
    for task in tasks:
        stored = joint.enter(task.documents)
        whole = recall(joint.places(task, routed=True, stored=stored), 10).mean()
        for space in spaces:
            drop = 0.0
            if space in task.queries:
                less = replace(joint, without=frozenset({space}))
                drop = whole - recall(less.places(task, routed=True, stored=stored), 10).mean()
            of_space = drops.setdefault((task.modality.value, space), {})
            of_space.setdefault(task.name, []).append(100 * float(drop))
    found: dict[str, dict[str, float]] = {}
    for (modality, space), by_name in drops.items():
        mean = float(np.mean([np.mean(of_task) for of_task in by_name.values()]))
        found.setdefault(modality, {})[space] = round(mean, 2)
    return found


def alignment(
    joint: Joint, material: Material, blocks: Sequence[Reduced], training: Mapping[str, Array],
    held_out: Mapping[str, Array],
) -> dict[str, Any]:  # fmt: skip
    """How much nearer two spaces hold the same held-out class than other ones: mean cosine, matched less not.

    `before` is the way of class names, between a classifier and a text space alone: a class that was left out
    enters as the ten training classes most like it.
    """
    members = material.members
    names = [card.name for card in (*members.texts, *(one.card for one in members.classifiers))]
    size = len(names)
    after: list[list[float | None]] = [[None] * size for _ in names]
    before: list[list[float | None]] = [[None] * size for _ in names]
    sums: dict[tuple[int, int], list[float]] = {}
    for block in blocks:
        name = block.classifier.card.name
        chosen = held_out[name]
        if len(chosen) < 2:
            continue
        said = {text: rows.mean(axis=0)[chosen] for text, rows in material.names[name].items()}
        dense = {text: unit_rows(rows) for text, rows in said.items()} | {name: block.features[chosen]}
        entered = {space: joint.enter({space: rows}) for space, rows in dense.items()}
        for i, a in enumerate(names):
            for j, b in enumerate(names):
                if a in entered and b in entered:
                    shared = similarities(entered[a], entered[b])
                    sums.setdefault((i, j), []).extend(_margin(one) for one in shared.values())
        place = names.index(name)
        for text in material.names[name] if block.classifier.named else ():
            spoken = _by_class_names(block, material.class_texts(name, text), training[name], chosen)
            value = round(_margin(dense[text] @ spoken.T), DIGITS)
            other = names.index(text)
            before[place][other] = before[other][place] = value
    for (i, j), values in sums.items():
        after[i][j] = round(float(np.mean(values)), DIGITS)
    return {"spaces": names, "before": before, "after": after}


def _margin(cosines: Array) -> float:
    same = np.eye(len(cosines), dtype=bool)
    return float(cosines[same].mean() - cosines[~same].mean())


def _by_class_names(block: Reduced, texts: Array, training: Array, chosen: Array) -> Array:
    binding = bindings.configure("class_names")
    near = np.exp(NEAREST * (block.classifier.directions[chosen] @ block.classifier.directions[training].T))
    return np.stack([binding(row / row.sum(), texts[training]) for row in near])


def mean_weights(joint: Joint, inputs: Mapping[str, tuple[Modality, Dense]]) -> dict[str, Any]:
    """The mean weight of every block over some inputs of a kind, by what they are."""
    rows = []
    for what, (modality, dense) in inputs.items():
        weights = joint.weights(modality, dense)
        means = {name: round(float(one.mean()), DIGITS) for name, one in weights.items()}
        rows.append({"what": what, "weights": means})
    return {"rows": rows}


def neighbours(joint: Joint, material: Material) -> list[dict[str, Any]]:
    """The photos and sounds nearest to the names of what they were taken for, before binding and after.

    The ids are the files' names.
    """
    found = []
    for classifier in material.members.classifiers:
        name = classifier.card.name
        inputs = material.inputs[name]
        if len(inputs.files) < 2 or not classifier.named:
            continue
        asked = list(dict.fromkeys(int(one) for one in inputs.classes[:, 0] if one >= 0))[:QUERIES]
        dense = {text: rows[1][asked] for text, rows in material.names[name].items()}
        cosines = similarities(joint.enter(dense), joint.enter({name: inputs.dense}))
        after = score(cosines, joint.weights(Modality.TEXT, dense))
        before = _scores_by_labels(material, name, dense)
        for place, one in enumerate(asked):
            nearest = [
                [inputs.files[row].name for row in np.argsort(-scores[place], kind="stable")[:NEIGHBOURS]]
                for scores in (before, after)
            ]
            found.append({"query": classifier.names[one], "before": nearest[0], "after": nearest[1]})
    return found


def _scores_by_labels(material: Material, name: str, dense: Dense) -> Array:
    """As before there was a binding: labels' names in every text space, each space as loud."""
    binding = bindings.configure("class_names")
    inputs = material.inputs[name]
    total = np.zeros((len(next(iter(dense.values()))), len(inputs.files)))
    for text, queries in dense.items():
        spoken = material.names[name][text][0]
        rows = [
            binding(shares[classes >= 0], spoken[classes[classes >= 0]])
            if (classes >= 0).any()
            else np.zeros(spoken.shape[1], np.float32)
            for classes, shares in zip(inputs.classes, inputs.shares, strict=True)
        ]
        total += queries @ np.stack(rows).T
    return total


def decoupling(
    joint: Joint, kinds: Mapping[str, Dense], quiet: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Which modality's blocks the text router favours for texts of each kind: rows are the truth.

    Blocks in `quiet`, of which no text says that it speaks, do not count.
    """
    blocks = [block for block in joint.blocks if block.space.name not in quiet]
    modalities = [block.modality.value for block in blocks]
    every = ("image", "audio", "points", "text")
    classes = [name for name in every if name in modalities and name in kinds]
    confusion = []
    for truth in classes:
        weights = joint.weights(Modality.TEXT, kinds[truth])
        loud = np.stack(
            [
                np.mean([weights[b.space.name] for b in blocks if b.modality.value == kind], axis=0)
                for kind in classes
            ]
        )
        said = loud.argmax(axis=0)
        confusion.append([int((said == place).sum()) for place in range(len(classes))])
    right = sum(row[place] for place, row in enumerate(confusion))
    total = max(1, sum(map(sum, confusion)))
    return {"classes": classes, "confusion": confusion, "accuracy": round(right / total, DIGITS)}
