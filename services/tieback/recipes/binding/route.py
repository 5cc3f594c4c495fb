"""The routers: which weights the blocks get for an input.

The router of texts is learned. From a text's vectors it tells what the text speaks of (photos, sounds, or
neither), and gives the blocks the weights that find partners best for texts of that kind (`profile.py`). It
is held against weights that are the same for all texts (`fixed_weights.py`), with a warning where these lose
less. A photo or a sound is weighted the same whatever is in it: the share of its own block is the one that
loses least, and text blocks are alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tieback.artifacts.packed_arrays import rounded
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import fit, projections
from tieback.models.bound_space import BoundRouter
from tieback.recipes.binding.anchors import CAPTION
from tieback.recipes.binding.entering import Dense
from tieback.recipes.binding.fixed_weights import compared, fixed
from tieback.recipes.binding.kinds import NEITHER, SPOKEN_OF, Kinds
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.profile import profile, scores_for
from tieback.recipes.binding.project import ATTENTION, Reduced
from tieback.recipes.binding.tasks import Joint, Task
from tieback.recipes.binding.weighing import router_input
from tieback.training.step_cache import StepCache

POLICY, SHARPNESS = "soft", 10.0
FOLDS = 5

SPOKEN_SHARE = 0.6
"""The weight of the blocks of what a text speaks of, where the best text block has 1.

Chosen by photos with captions and by sounds (docs/binding.md)."""

OWN_SHARES = (0.75, 0.5, 0.85, 0.95, 1.0)
"""The weights that the blocks of an input's own modality may have together; text blocks have the rest.

The first is taken where there is nothing to choose by."""

SCENES_TRUST, OTHERWISE_TRUST = 0.75, 0.5
"""How far weights of text blocks are followed: those that find classes best by scenes; those that find them
by names in templates, and the sentence after a sentence.

What is asked varies more, so the rest is equal weights."""

LEARNED, UNIFORM = "its router", "equal weights"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Routing:
    """What routers are made of: the joint space without routers, the classes to learn from, the texts.

    `tasks` are of what is not learned from; shares are chosen by them.
    """

    material: Material
    joint: Joint
    blocks: Sequence[Reduced]
    classes: Mapping[str, Array]
    texts: Kinds
    tasks: Sequence[Task]
    seed: int
    steps: int

    def train(self, cache: StepCache, say: Say) -> tuple[dict[Modality, BoundRouter], list[dict[str, Any]]]:
        """A router per modality, and what the choices were between.

        None where there are no classes: nothing else says what a text speaks of.
        """
        if not self.blocks:
            return {}, []
        routers: dict[Modality, BoundRouter] = {}
        every: list[dict[str, Any]] = []
        for modality, ways in ((Modality.TEXT, self._ways_of_texts(cache, say)), *self._ways_of_others()):
            found = compared(self.joint, self.tasks, ways)
            served = found.best if found and LEARNED not in ways else next(iter(ways))
            routers[modality] = ways[served]
            if found:
                say(found.words(served))
                every.append(found.told(served))
        return routers, every

    def _ways_of_texts(self, cache: StepCache, say: Say) -> dict[str, BoundRouter]:
        """The learned router; equal weights; those of each kind of text, for all texts; the mean of these."""
        worths = {kind: self._worth(kind) for kind in self.texts.training}
        by_kind = {kind: np.exp(SHARPNESS * scores) for kind, scores in worths.items()}
        by_kind = {kind: weights / weights.sum() for kind, weights in by_kind.items()}
        ways = {LEARNED: self._text_router(worths, cache, say)}
        fixed_ways = {UNIFORM: np.full(len(self.joint.names), 1 / len(self.joint.names))}
        fixed_ways |= {f"the weights for {kind}": weights for kind, weights in by_kind.items()}
        fixed_ways["the mean of these"] = np.mean(list(by_kind.values()), axis=0)
        return ways | {name: self._fixed(Modality.TEXT, weights) for name, weights in fixed_ways.items()}

    def _fixed(self, modality: Modality, weights: Array) -> BoundRouter:
        return fixed(modality, dict(zip(self.joint.names, weights.tolist(), strict=True)))

    def _ways_of_others(self) -> Iterator[tuple[Modality, dict[str, BoundRouter]]]:
        for modality in SPOKEN_OF:
            if own := self._own_blocks(modality):
                ways = {f"{share:g} of its own": self._shared(modality, own, share) for share in OWN_SHARES}
                even = len(own) / (len(own) + len(self._text_blocks))
                yield modality, ways | {UNIFORM: self._shared(modality, own, even)}

    def _shared(self, modality: Modality, own: Sequence[str], share: float) -> BoundRouter:
        weights = {name: share / len(own) for name in own}
        rest = {name: (1 - share) / len(self._text_blocks) for name in self._text_blocks}
        return fixed(modality, weights | rest)

    @property
    def _text_blocks(self) -> list[str]:
        return [block.space.name for block in self.joint.blocks if block.modality is Modality.TEXT]

    def _own_blocks(self, modality: Modality) -> list[str]:
        """The blocks of classifiers and of shared spaces in which that modality is found."""
        readers = self.material.members.reading(modality)
        return [
            block.space.name
            for block in self.joint.blocks
            if block.modality is modality and any(card.space.name == block.space.name for card in readers)
        ]

    def _text_router(self, worths: Mapping[str, Array], cache: StepCache, say: Say) -> BoundRouter:
        from tieback.recipes.train_router import Labelled, train_router

        names = tuple(card.name for card in self.material.members.texts)
        inputs, targets = [], []
        for kind, dense in self.texts.training.items():
            rows = router_input(names, dense, self.joint.widths)
            inputs.append(rows)
            targets.append(np.tile(worths[kind], (len(rows), 1)))
        quiet = {one.card.name for one in self.material.members.classifiers if not one.told}
        told = np.array([name not in quiet for name in self.joint.names])
        labelled = Labelled(np.concatenate(inputs), np.concatenate(targets), None if told.all() else told)

        choices: dict[str, Any] = {
            "alignment": 0,
            "parts": [self.joint.widths[name] for name in names],
            "seed": self.seed,
            "steps": self.steps,
        }

        def make() -> Mapping[str, Array]:
            say("training the router of text")
            return train_router((), labelled, **choices)

        learned_from = {"inputs": labelled.inputs, "targets": labelled.targets, "told": told}
        state = cache.arrays("router of text", train_router, choices | learned_from, make)
        return BoundRouter(Modality.TEXT, names, POLICY, {}, rounded(state))

    def _worth(self, kind: str) -> Array:
        """The scores `[blocks]` for texts of that kind: of text blocks, and of the blocks of the kind."""
        found = dict.fromkeys(self.joint.names, 0.0)
        weights = self._by_sentences() if kind == NEITHER else self._by_classes(Modality(kind))
        found |= dict(zip(self._text_blocks, scores_for(weights, SHARPNESS).tolist(), strict=True))
        if kind != NEITHER:
            score = float(1 + np.log(SPOKEN_SHARE) / SHARPNESS)
            found |= {block.space.name: score for block in self.joint.blocks if block.modality.value == kind}
        return np.array([found[name] for name in self.joint.names], np.float32)

    def _by_sentences(self) -> Array:
        """Weights `[text blocks]` by which the sentence after a sentence is found."""
        sentences = self.material.sentences
        first = self.joint.enter({name: rows[:-1] for name, rows in sentences.items()})
        following = self.joint.enter({name: rows[1:] for name, rows in sentences.items()})
        return self._fitted(first, following, None, OTHERWISE_TRUST)

    def _by_classes(self, modality: Modality) -> Array:
        """Weights `[text blocks]` by which texts about classes find them, each led by the other classes."""
        weights = []
        for block in self.blocks:
            one = block.classifier
            if one.card.modality is modality and one.told:
                said, classes = self._about(one.card.name)
                seen = {name: rows[classes] for name, rows in self._left_out(block).items()}
                trust = SCENES_TRUST if one.card.name in self.material.scenes else OTHERWISE_TRUST
                weights.append(self._fitted(self.joint.enter(said), seen, classes, trust))
        return np.asarray(np.mean(weights, axis=0))

    def _about(self, name: str) -> tuple[Dense, Array]:
        """Texts about the classes to learn from, with their classes: scenes, or captions without any."""
        chosen = self.classes[name]
        if (scenes := self.material.scenes.get(name)) is not None:
            rows = np.flatnonzero(np.isin(scenes.classes, chosen))
            if len(rows) > len(chosen) // FOLDS:
                return {text: said[rows] for text, said in scenes.texts.items()}, scenes.classes[rows]
        captions = {
            text: said[min(CAPTION, len(said) - 1)][chosen]
            for text, said in self.material.names[name].items()
        }
        return captions, chosen

    def _left_out(self, block: Reduced) -> dict[str, Array]:
        """The features of every class in each text block `[classes, width]`, by paths fitted without it."""
        name = block.classifier.card.name
        chosen = self.classes[name]
        things = np.unique(block.classifier.groups()[chosen], return_inverse=True)[1]
        fold = (np.random.default_rng(self.seed).permutation(int(things.max()) + 1) % FOLDS)[things]
        found = {}
        for card in self.material.members.texts:
            names = self.material.class_texts(name, card.name)
            led = np.zeros_like(names)
            lead = self._attention(name, card.space.name)
            for left_out in range(FOLDS):
                inside, outside = chosen[fold != left_out], chosen[fold == left_out]
                led[outside] = lead(
                    block.features[outside], fit(ATTENTION, block.features[inside], names[inside])
                )
            found[card.space.name] = led
        return found

    def _attention(self, source: str, block: str) -> Callable[[Array, Mapping[str, Array]], Array]:
        """The method with the parameters that the joint space has for it on that way, if it has."""
        for path in self.joint.paths:
            if (path.source.name, path.block, path.method) == (source, block, ATTENTION):
                return projections.configure(ATTENTION, path.parameters)
        return projections.configure(ATTENTION)

    def _fitted(
        self, queries: Mapping[str, Array], documents: Mapping[str, Array], groups: Array | None, trust: float
    ) -> Array:
        """The profile over text blocks; equal weights where there are too few pairs."""
        names = self._text_blocks
        heard = [name for name in names if name in queries and name in documents]
        count = len(queries[heard[0]]) if heard else 0
        spoken = np.ones(count, bool)
        for side in (queries, documents):
            for name in heard:
                spoken &= side[name].any(axis=1)
        rows = np.flatnonzero(spoken)
        weights = np.full(len(names), 1 / max(1, len(names)))
        if len(rows) < FOLDS or len(heard) < 2:
            return weights
        one, other = ([side[name][rows] for name in heard] for side in (queries, documents))
        fitted = profile(one, other, None if groups is None else groups[rows], trust=trust)
        weights[:] = 0
        weights[[names.index(name) for name in heard]] = fitted
        return weights
