"""Texts by what they speak of: of photos, of sounds, of 3D models, or of none of these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.recipes.binding.entering import Dense
from tieback.recipes.binding.material import Material
from tieback.training.splits import HELD_OUT, Split

NEITHER = "text"
SPOKEN_OF = (Modality.IMAGE, Modality.AUDIO, Modality.POINTS)
FEWEST_TO_CHOOSE_BY = 20
"""With fewer sentences, none is kept apart to choose by."""
BATCH, BATCHES = 100, 200


@dataclass(frozen=True, slots=True, eq=False)
class Kinds:
    """Dense vectors by text space, of texts that speak of "image", "audio", "points", or of none: "text"."""

    training: dict[str, Dense]
    held_out: dict[str, Dense]


def kinds(material: Material, held_out: Mapping[str, Array], seed: int) -> Kinds:
    """Captions of all classes, those of `held_out` apart; a tenth of the sentences apart too."""
    found = Kinds({}, {})
    for modality in SPOKEN_OF:
        classifiers = [one for one in material.members.of(modality) if one.told]
        for into, inside in ((found.training, False), (found.held_out, True)):
            parts = [
                _captions(material, one.card.name, _classes(len(one.names), held_out[one.card.name], inside))
                for one in classifiers
            ]
            parts += [
                _scenes(material, one.card.name, held_out[one.card.name], inside)
                for one in classifiers
                if one.card.name in material.scenes
            ]
            if parts and len(next(iter(parts[0].values()))):
                into[modality.value] = _joined(parts)
    places = sentences(len(material.corpus.texts), seed)
    fitted = np.sort(np.concatenate([places.training, places.validation]))
    written = sentences(len(next(iter(material.neutral.values()), ())), seed)
    written_with = np.sort(np.concatenate([written.training, written.validation]))
    for into, chosen, others in (
        (found.training, fitted, written_with),
        (found.held_out, places.held_out, written.held_out),
    ):
        if len(chosen):
            into[NEITHER] = {
                name: np.concatenate([rows[chosen], material.neutral[name][others]])
                for name, rows in material.sentences.items()
            }
    return found


def sentences(count: int, seed: int) -> Split:
    """Places of sentences: a tenth to report on, and where there are enough, as many to choose by."""
    apart = max(1, round(HELD_OUT * count)) if count > 1 else 0
    chosen_by = apart if count >= FEWEST_TO_CHOOSE_BY else 0
    order = np.random.default_rng(seed).permutation(count)
    return Split(
        np.sort(order[apart + chosen_by :]),
        np.sort(order[apart : apart + chosen_by]),
        np.sort(order[:apart]),
    )


def _classes(count: int, held_out: Array, inside: bool) -> Array:
    chosen = np.isin(np.arange(count), held_out)
    return np.flatnonzero(chosen if inside else ~chosen)


def _captions(material: Material, classifier: str, classes: Array) -> Dense:
    """Every template but the bare name, which says nothing of the modality."""
    return {
        text: rows[1:, classes].reshape(-1, rows.shape[2])
        for text, rows in material.names[classifier].items()
    }


def _scenes(material: Material, classifier: str, held_out: Array, inside: bool) -> Dense:
    scenes = material.scenes[classifier]
    chosen = np.isin(scenes.classes, held_out) == inside
    return {text: rows[chosen] for text, rows in scenes.texts.items()}


def _joined(parts: list[Dense]) -> Dense:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def usual(weights: Mapping[str, Mapping[str, Array]], seed: int) -> dict[str, tuple[float, float]]:
    """By block, the range of the mean weight over a hundred inputs: of each kind by itself, and of all mixed.

    `weights` are those of held-out inputs, by kind and block.
    """
    draw = np.random.default_rng(seed)
    found: dict[str, tuple[float, float]] = {}
    for block in next(iter(weights.values()), {}):
        pools = [one[block] for one in weights.values() if len(one[block])]
        pools.append(np.concatenate(pools))
        means = np.concatenate(
            [pool[draw.integers(0, len(pool), (BATCHES, BATCH))].mean(axis=1) for pool in pools]
        )
        found[block] = (float(means.min()), float(means.max()))
    return found


def spoken(weights: Mapping[str, Mapping[str, Array]]) -> dict[str, float]:
    """By block, the mean weight, every kind counting the same."""
    blocks = next(iter(weights.values()), {})
    return {block: float(np.mean([one[block].mean() for one in weights.values()])) for block in blocks}
