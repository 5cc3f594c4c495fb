"""The routers: what they learn from, and how loudly they let each block speak.

The text router learns from captions of classes and from sentences that are about neither photos nor sounds:
which words belong to which partner, and which modality they speak of. The routers of photos and of sounds
learn from the features that each class would give. All are drawn towards what blocks are worth to inputs of
their kind (`profile.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from tieback.core.types import Array, Modality
from tieback.methods.projection import fit, projections, unit_rows
from tieback.models.bound_space import BoundRouter
from tieback.recipes.binding.duals import Centres, made_up, readable
from tieback.recipes.binding.entering import Dense
from tieback.recipes.binding.kinds import NEITHER, SPOKEN_OF, Kinds
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.profile import profile, scores_for
from tieback.recipes.binding.project import ATTENTION, Reduced
from tieback.recipes.binding.tasks import Joint
from tieback.recipes.binding.weighing import router_input
from tieback.recipes.binding.work_folder import WorkFolder

if TYPE_CHECKING:
    from tieback.recipes.train_router import Labelled, Pairs

POLICY, SHARPNESS = "soft", 10.0
FOLDS = 5
DRAWN = 3.0
"""Weight, beside alignment's 1, of drawing the routers of photos and sounds towards what blocks are worth.

It is that of the text router's objective, whose other half is to tell what a text speaks of."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Routing:
    """What routers are trained on: the joint space without routers, the classes to learn from, the texts."""

    material: Material
    joint: Joint
    blocks: Sequence[Reduced]
    classes: Mapping[str, Array]
    texts: Kinds
    seed: int
    steps: int
    decoupling: float
    centres: Centres = field(default_factory=dict)

    def train(self, work: WorkFolder, say: Say) -> tuple[dict[Modality, BoundRouter], BoundRouter | None]:
        """A router per modality, and that of texts without the decoupling objective, to compare.

        None where there are no classes: nothing else says what a text speaks of.
        """
        if not self.blocks:
            return {}, None
        pairs: dict[Modality, list[Pairs]] = {}
        of_texts: list[Pairs] = []
        spoken_of: dict[str, list[Pairs]] = {}
        for block in self.blocks:
            modality = block.classifier.card.modality
            of_text, of_inputs = self._class_pairs(block)
            of_texts.append(of_text)
            if block.classifier.told:  # what a text of the user's is called says nothing of its kind
                spoken_of.setdefault(modality.value, []).append(of_text)
            pairs.setdefault(modality, []).append(of_inputs)
        if neighbours := self._neighbours():
            spoken_of[NEITHER] = neighbours
        of_texts += neighbours
        texts = tuple(card.name for card in self.material.members.texts)
        without = self._router(work, say, Modality.TEXT, texts, of_texts)
        routers: dict[Modality, BoundRouter] = {Modality.TEXT: without}
        if self.decoupling:
            spoken = self._spoken(texts, spoken_of)
            routers[Modality.TEXT] = self._router(
                work, say, Modality.TEXT, texts, of_texts, spoken, self.decoupling
            )
        for modality in SPOKEN_OF:
            if names := tuple(one.card.name for one in self.material.members.of(modality)):
                names += tuple(tower.name for tower in readable(self.material, modality, self.centres))
                seen = self._seen(pairs[modality])
                routers[modality] = self._router(work, say, modality, names, pairs[modality], seen, DRAWN)
        return routers, without

    def _router(
        self, work: WorkFolder, say: Say, modality: Modality, names: tuple[str, ...], pairs: Sequence[Pairs],
        labelled: Labelled | None = None, drawn: float = 0.0,
    ) -> BoundRouter:  # fmt: skip
        def make() -> Mapping[str, Array]:
            from tieback.recipes.train_router import train_router

            say(f"training the router of {modality}" + ("" if labelled else " by alignment alone"))
            parts = [self.joint.widths[name] for name in names]
            return train_router(
                pairs, labelled, decoupling=drawn, parts=parts, seed=self.seed, steps=self.steps
            )

        learned: list[Any] = [[one.inputs, *one.queries, *one.documents] for one in pairs]
        if labelled is not None:
            learned.append([labelled.inputs, labelled.targets])
            learned[-1] += [] if labelled.told is None else [labelled.told]
        key = {f"{i}.{j}": array for i, arrays in enumerate(learned) for j, array in enumerate(arrays)}
        state = work.arrays(
            f"router of {modality}",
            {"seed": self.seed, "steps": self.steps, "decoupling": drawn, **key},
            make,
        )
        return BoundRouter(modality, names, POLICY, {}, state)

    def _class_pairs(self, block: Reduced) -> tuple[Pairs, Pairs]:
        """Captions with the features of their classes, and features with the classes' names.

        What enters across modalities enters by paths fitted without the class, as it will be with whatever
        has no name of its own: a router that saw paths on what they were fitted on would trust them too much.
        """
        name = block.classifier.card.name
        classes = self.classes[name]
        spoken = self.material.names[name]
        templates = len(next(iter(spoken.values())))
        said = {text: rows[:, classes].reshape(-1, rows.shape[2]) for text, rows in spoken.items()}
        seen = {name: block.features[classes]}
        beside = {other: rows[classes] for other, rows in block.classifier.beside().items()}
        into_block, into_texts = self._left_out(block, classes)
        if beside:
            other = self.joint.enter(beside)
            into_texts = {text: unit_rows(rows + other.get(text, 0)) for text, rows in into_texts.items()}
        seen |= beside
        queries = self.joint.enter(said) | {name: into_block.reshape(-1, block.block.width)}
        documents = self.joint.enter(seen) | into_texts
        many = {key: np.tile(rows, (templates, 1)) for key, rows in documents.items()}
        things = np.unique(block.classifier.groups()[classes], return_inverse=True)[1]
        groups = np.tile(things, templates)
        named = {text: rows[: len(classes)] for text, rows in said.items()}
        answers = self.joint.enter(named) | {name: into_block[0]}
        text_names = [card.name for card in self.material.members.texts]
        modality = block.classifier.card.modality
        towers = readable(self.material, modality, self.centres)
        own_names = [one.card.name for one in self.material.members.of(modality)]
        own_names += [tower.name for tower in towers]
        read = seen | made_up(self.material, name, towers, classes)
        return (
            self._pairs(text_names, said, queries, many, groups),
            self._pairs(own_names, read, documents, answers, things),
        )

    def _pairs(
        self, names: Sequence[str], inputs: Dense, queries: Mapping[str, Array],
        documents: Mapping[str, Array], groups: Array | None = None,
    ) -> Pairs:  # fmt: skip
        """What the router sees, and both sides by block in the blocks' order; a silent block has zeros."""
        from tieback.recipes.train_router import Pairs

        count = len(next(iter(queries.values())))
        sides = [
            [
                one.get(block.space.name, np.zeros((count, block.width), np.float32))
                for block in self.joint.blocks
            ]
            for one in (queries, documents)
        ]
        return Pairs(router_input(names, inputs, self.joint.widths), sides[0], sides[1], groups)

    def _left_out(self, block: Reduced, classes: Array) -> tuple[Array, dict[str, Array]]:
        """Captions `[templates, classes, width]` in the block, and features in each text block, by folds."""
        name = block.classifier.card.name
        things = np.unique(block.classifier.groups()[classes], return_inverse=True)[1]
        fold = (np.random.default_rng(self.seed).permutation(int(things.max()) + 1) % FOLDS)[things]
        features, targets = block.features[classes], block.targets[classes]
        into_block: Array | None = None
        into_texts: dict[str, Array] = {}
        blocks = {card.name: card.space.name for card in self.material.members.texts}
        for text, rows in self.material.names[name].items():
            names = self.material.class_texts(name, text)[classes]
            captions = rows[:, classes]
            entered = np.zeros((*captions.shape[:2], block.block.width), np.float32)
            into_texts[blocks[text]] = np.zeros_like(names)
            for left_out in range(FOLDS):
                inside, outside = fold != left_out, fold == left_out
                state = fit(ATTENTION, names[inside], targets[inside])
                attend = self._attention(text, name)
                for template, one in enumerate(captions):
                    entered[template, outside] = attend(one[outside], state)
                back = fit(ATTENTION, features[inside], names[inside])
                lead = self._attention(name, blocks[text])
                into_texts[blocks[text]][outside] = lead(features[outside], back)
            into_block = entered if into_block is None else into_block + entered
        if into_block is None:
            raise ValueError("a binding has a text space")
        return unit_rows(into_block.reshape(-1, block.block.width)).reshape(into_block.shape), into_texts

    def _attention(self, source: str, block: str) -> Callable[[Array, Mapping[str, Array]], Array]:
        """The method with the parameters that the joint space has for it on that way, if it has."""
        for path in self.joint.paths:
            if (path.source.name, path.block, path.method) == (source, block, ATTENTION):
                return projections.configure(ATTENTION, path.parameters)
        return projections.configure(ATTENTION)

    def _neighbours(self) -> list[Pairs]:
        """Sentences with the ones that follow them: what a text space is worth among texts."""
        sentences = self.texts.training.get(NEITHER, {})
        count = len(next(iter(sentences.values()), ()))
        if count < 3:
            return []
        first = {name: rows[:-1] for name, rows in sentences.items()}
        next_ones = {name: rows[1:] for name, rows in sentences.items()}
        spoken = np.all([one.any(axis=1) for one in (*first.values(), *next_ones.values())], axis=0)
        first = {name: rows[spoken] for name, rows in first.items()}
        documents = {name: rows[spoken] for name, rows in next_ones.items()}
        names = [card.name for card in self.material.members.texts]
        return [self._pairs(names, first, self.joint.enter(first), documents)]

    def _worth(self, pairs: Sequence[Pairs]) -> Array:
        """The scores `[blocks]` that a router is drawn towards for inputs such as these, by their partners.

        Blocks that no input reaches, or no partner, have 0. Of several sets, those count that reach a block.
        """
        total, sets = np.zeros((2, len(self.joint.blocks)), np.float32)
        for one in pairs:
            heard = [
                place
                for place, sides in enumerate(zip(one.queries, one.documents, strict=True))
                if all(side.any() for side in sides)
            ]
            queries, documents = ([side[place] for place in heard] for side in (one.queries, one.documents))
            total[heard] += scores_for(profile(queries, documents, one.groups), SHARPNESS)
            sets[heard] += 1
        return np.asarray(total / np.maximum(sets, 1))

    def _spoken(self, names: Sequence[str], pairs: Mapping[str, Sequence[Pairs]]) -> Labelled:
        """Texts with the blocks they are for: those of what they speak of, and text blocks."""
        from tieback.recipes.train_router import Labelled

        inputs, targets = [], []
        modalities = np.array([block.modality.value for block in self.joint.blocks])
        for kind, dense in self.texts.training.items():
            wanted = np.isin(modalities, (kind, NEITHER)).astype(np.float32)
            if kind in pairs:
                wanted *= self._worth(pairs[kind])
            rows = router_input(names, dense, self.joint.widths)
            inputs.append(rows)
            targets.append(np.tile(wanted, (len(rows), 1)))
        quiet = {one.card.name for one in self.material.members.classifiers if not one.told}
        told = np.array([name not in quiet for name in self.joint.names])
        return Labelled(np.concatenate(inputs), np.concatenate(targets), None if told.all() else told)

    def _seen(self, pairs: Sequence[Pairs]) -> Labelled:
        """Photos, sounds and the like with the blocks that their names are found in."""
        from tieback.recipes.train_router import Labelled

        targets = [np.tile(self._worth([one]), (len(one.inputs), 1)) for one in pairs]
        return Labelled(np.concatenate([one.inputs for one in pairs]), np.concatenate(targets))
