"""The routers: what they learn from, and how loudly they let each block speak.

The text router learns from captions of classes and from sentences that are about neither photos nor sounds:
which words belong to which partner, and which modality they speak of. The routers of photos and of sounds
learn from the features that each class would give.
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
ALSO_TEXT = 0.97
"""How far a caption is for the text blocks too, beside the block of what it speaks of.

Photos enter text blocks by the names of what they show, so words find them there as well."""

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
        for block in self.blocks:
            of_text, of_inputs = self._class_pairs(block)
            pairs.setdefault(Modality.TEXT, []).append(of_text)
            pairs.setdefault(block.classifier.card.modality, []).append(of_inputs)
        neighbours = self._neighbours()
        told = [  # what a text of the user's is called says nothing of its kind
            (block.classifier.card.modality.value, one)
            for block, one in zip(self.blocks, pairs[Modality.TEXT], strict=True)
            if block.classifier.told
        ]
        loud = self._loud([*told, *((NEITHER, one) for one in neighbours)])
        pairs[Modality.TEXT] += neighbours
        inputs = {Modality.TEXT: tuple(card.name for card in self.material.members.texts)}
        for modality in SPOKEN_OF:
            if names := tuple(one.card.name for one in self.material.members.of(modality)):
                towers = readable(self.material, modality, self.centres)
                inputs[modality] = (*names, *(tower.name for tower in towers))
        routers = {
            modality: self._router(
                work, say, modality, names, pairs[modality], loud, decoupling=self.decoupling
            )
            for modality, names in inputs.items()
        }
        names = inputs[Modality.TEXT]
        return routers, self._router(
            work, say, Modality.TEXT, names, pairs[Modality.TEXT], loud, decoupling=0.0
        )

    def _router(
        self, work: WorkFolder, say: Say, modality: Modality, names: tuple[str, ...], pairs: Sequence[Pairs],
        loud: Mapping[str, Array], *, decoupling: float,
    ) -> BoundRouter:  # fmt: skip
        labelled = self._labelled(names, loud) if modality is Modality.TEXT and decoupling else None

        def make() -> Mapping[str, Array]:
            from tieback.recipes.train_router import train_router

            say(f"training the router of {modality}" + ("" if labelled else " without labels"))
            parts = [self.joint.widths[name] for name in names]
            return train_router(
                pairs, labelled, decoupling=decoupling, parts=parts, seed=self.seed, steps=self.steps
            )

        learned: list[Any] = [[one.inputs, *one.queries, *one.documents] for one in pairs]
        if labelled is not None:
            learned.append([labelled.inputs, labelled.targets])
            learned[-1] += [] if labelled.told is None else [labelled.told]
        key = {f"{i}.{j}": array for i, arrays in enumerate(learned) for j, array in enumerate(arrays)}
        state = work.arrays(
            f"router of {modality}",
            {"seed": self.seed, "steps": self.steps, "decoupling": decoupling, **key},
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

    def _loud(self, pairs: Sequence[tuple[str, Pairs]]) -> dict[str, Array]:
        """By kind of text, the scores `[blocks]` that text blocks are to have, 1 for the best."""
        places = [place for place, one in enumerate(self.joint.blocks) if one.modality is Modality.TEXT]
        found = {}
        for kind, one in pairs:
            heard = [place for place in places if one.queries[place].any() and one.documents[place].any()]
            weights = profile(
                [one.queries[place] for place in heard], [one.documents[place] for place in heard], one.groups
            )
            found[kind] = np.ones(len(self.joint.blocks))
            found[kind][heard] = scores_for(weights, SHARPNESS)
        return found

    def _labelled(self, names: Sequence[str], loud: Mapping[str, Array]) -> Labelled:
        """Texts with the blocks they are for: those of what they speak of, and text blocks."""
        from tieback.recipes.train_router import Labelled

        inputs, targets = [], []
        modalities = [block.modality.value for block in self.joint.blocks]
        for kind, dense in self.texts.training.items():
            rows = router_input(names, dense, self.joint.widths)
            also_text = (1.0 if kind == NEITHER else ALSO_TEXT) * loud.get(kind, np.ones(len(modalities)))
            wanted = [
                also_text[place] if one == NEITHER else float(one == kind)
                for place, one in enumerate(modalities)
            ]
            inputs.append(rows)
            targets.append(np.tile(np.array(wanted, np.float32), (len(rows), 1)))
        quiet = {one.card.name for one in self.material.members.classifiers if not one.told}
        told = np.array([name not in quiet for name in self.joint.names])
        return Labelled(np.concatenate(inputs), np.concatenate(targets), None if told.all() else told)
