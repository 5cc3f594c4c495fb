"""The routers: which weights the blocks get for an input.

The router of texts is learned. From a text's vectors it predicts what the text describes (photos, sounds, or
neither), and gives the blocks the weights that find partners best for texts of that kind
(`recipes/fitting/fixed_weights.py`). A photo or a sound is weighted the same whatever is in it: its own
blocks have most of it, and text blocks are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.artifacts.packed_arrays import rounded
from tieback.joint.block_weights import router_input
from tieback.joint.projecting import Dense
from tieback.joint.retrieval import DIGITS
from tieback.joint.space import Joint
from tieback.models.joint.artifact import BoundRouter
from tieback.recipes.fitting.fixed_weights import block_priors, fixed, scores_for
from tieback.training.step_cache import StepCache

POLICY, SHARPNESS = "soft", 10.0
FEWEST = 5
"""Of fewer pairs, text blocks are weighted equally."""

NEITHER = "text"
"""The kind of texts that describe no other modality."""

CAPTIONED_SHARE = 0.6
"""The weight of the blocks of what a text describes, where the best text block has 1.

Chosen by photos with captions and by sounds (docs/binding.md)."""

OWN_SHARE = 0.85
"""The weight of the blocks of an input's own modality together; text blocks have the rest.

Of six values it lost least of what held-out classes and sentences find, for photos and for sounds."""

BATCH, BATCHES = 100, 200

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Partners:
    """Texts and what they are to find: unit rows by block, where rows in the same place are partners.

    Rows with the same number in `groups` `[pairs]` do not compete. The priors of text blocks are the weights
    that find partners best, with the share `trust`, and equal weights with the rest.
    """

    queries: Dense
    documents: Dense
    groups: Array | None
    trust: float


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """What routers are made of: the joint space without routers, and the `texts` to learn from, by kind.

    A kind is the name of the modality that a text describes, or NEITHER. `partners` are by kind; the mean of
    their priors counts. The router of texts reads the spaces `reads`. `own` are the blocks in which inputs of
    a modality are found; no text is known to describe inputs of the blocks in `unlabelled`.
    """

    joint: Joint
    reads: tuple[str, ...]
    texts: Mapping[str, Dense]
    partners: Mapping[str, Sequence[Partners]]
    own: Mapping[Modality, Sequence[str]]
    unlabelled: Collection[str]
    seed: int
    steps: int

    def train(self, cache: StepCache, say: Say) -> dict[Modality, BoundRouter]:
        """A router for each modality."""
        worths = {kind: self._worth(kind) for kind in self.texts}
        others = {modality: self._shared(modality, own) for modality, own in self.own.items()}
        return {Modality.TEXT: self._learned(worths, cache, say)} | others

    def _shared(self, modality: Modality, own: Sequence[str]) -> BoundRouter:
        rest = self._text_blocks
        weights = {name: OWN_SHARE / len(own) for name in own}
        return fixed(modality, weights | {name: (1 - OWN_SHARE) / len(rest) for name in rest})

    @property
    def _text_blocks(self) -> list[str]:
        return [block.space.name for block in self.joint.blocks if block.modality is Modality.TEXT]

    def _learned(self, worths: Mapping[str, Array], cache: StepCache, say: Say) -> BoundRouter:
        from tieback.recipes.fitting.router_training import Labelled, train_router

        inputs, targets = [], []
        for kind, dense in self.texts.items():
            rows = router_input(self.reads, dense, self.joint.widths)
            inputs.append(rows)
            targets.append(np.tile(worths[kind], (len(rows), 1)))
        known = np.array([name not in self.unlabelled for name in self.joint.names])
        labelled = Labelled(np.concatenate(inputs), np.concatenate(targets), None if known.all() else known)

        choices: dict[str, Any] = {
            "parts": [self.joint.widths[name] for name in self.reads],
            "seed": self.seed,
            "steps": self.steps,
        }

        def make() -> Mapping[str, Array]:
            say("training the router of text")
            return train_router(labelled, **choices)

        learned_from = {"inputs": labelled.inputs, "targets": labelled.targets, "known": known}
        state = cache.arrays("router of text", train_router, choices | learned_from, make)
        return BoundRouter(Modality.TEXT, self.reads, POLICY, {}, rounded(state))

    def _worth(self, kind: str) -> Array:
        """The scores `[blocks]` for texts of that kind: of text blocks, and of the blocks of the kind."""
        found = dict.fromkeys(self.joint.names, 0.0)
        weights = np.mean([self._priors(one) for one in self.partners[kind]], axis=0)
        found |= dict(zip(self._text_blocks, scores_for(weights, SHARPNESS).tolist(), strict=True))
        if kind != NEITHER:
            score = float(1 + np.log(CAPTIONED_SHARE) / SHARPNESS)
            found |= {block.space.name: score for block in self.joint.blocks if block.modality.value == kind}
        return np.array([found[name] for name in self.joint.names], np.float32)

    def _priors(self, pairs: Partners) -> Array:
        """Weights `[text blocks]` that find the partners best; equal ones where there are too few pairs."""
        names = self._text_blocks
        used = [name for name in names if name in pairs.queries and name in pairs.documents]
        sides = [[side[name] for name in used] for side in (pairs.queries, pairs.documents)]
        weights = np.full(len(names), 1 / max(1, len(names)))
        if len(used) < 2:
            return weights
        present = [vectors.any(axis=1) for side in sides for vectors in side]
        rows = np.flatnonzero(np.all(present, axis=0))
        if len(rows) < FEWEST:
            return weights
        one, other = ([vectors[rows] for vectors in side] for side in sides)
        groups = None if pairs.groups is None else pairs.groups[rows]
        weights[:] = 0
        weights[[names.index(name) for name in used]] = block_priors(one, other, groups, trust=pairs.trust)
        return weights


def weight_ranges(weights: Mapping[str, Mapping[str, Array]], seed: int) -> dict[str, tuple[float, float]]:
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


def mean_weights(weights: Mapping[str, Mapping[str, Array]]) -> dict[str, float]:
    """By block, the mean weight, every kind counting the same."""
    blocks = next(iter(weights.values()), {})
    return {block: float(np.mean([one[block].mean() for one in weights.values()])) for block in blocks}


def decoupling(joint: Joint, texts: Mapping[str, Dense], unlabelled: Collection[str]) -> dict[str, Any]:
    """Which modality's blocks the text router favours for texts of each kind: rows are the truth.

    Blocks in `unlabelled` do not count.
    """
    blocks: dict[str, list[str]] = {}
    for block in joint.blocks:
        if block.space.name not in unlabelled:
            blocks.setdefault(block.modality.value, []).append(block.space.name)
    classes = [kind for kind in texts if kind in blocks]
    confusion = []
    for truth in classes:
        weights = joint.weights(Modality.TEXT, texts[truth])
        means = [np.mean([weights[name] for name in blocks[kind]], axis=0) for kind in classes]
        taken = np.stack(means).argmax(axis=0)
        confusion.append([int((taken == place).sum()) for place in range(len(classes))])
    right = sum(row[place] for place, row in enumerate(confusion))
    total = max(1, sum(map(sum, confusion)))
    return {"classes": classes, "confusion": confusion, "accuracy": round(right / total, DIGITS)}
