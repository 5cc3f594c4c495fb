"""Retrieval across modalities on what no fit has seen, and the joint space that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.imputation import imputations
from tieback.models.bound_space import Block, BoundImputation, BoundPath, BoundRouter
from tieback.recipes.binding.anchors import CAPTION
from tieback.recipes.binding.entering import Dense, enter, score, similarities
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.project import Reduced
from tieback.recipes.binding.ranking import places
from tieback.recipes.binding.weighing import weigh


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Query i's right document is document i. `modality` is the queries'."""

    name: str
    modality: Modality
    queries: Dense
    documents: Dense

    @property
    def size(self) -> int:
        """Queries, and as many documents."""
        return len(next(iter(self.queries.values())))


@dataclass(frozen=True, slots=True, eq=False)
class Joint:
    """Blocks, paths and routers in use, as a server has them.

    A space in `without` is as if it were down: queries are without its vectors, and what was stored has them.
    `imputation` is what is then put into the blocks that it leaves silent; without one they stay so.
    """

    blocks: Sequence[Block]
    paths: Sequence[BoundPath]
    routers: Mapping[Modality, BoundRouter]
    widths: Mapping[str, int]
    without: frozenset[str] = frozenset()
    imputation: BoundImputation | None = None

    @property
    def names(self) -> list[str]:
        """The blocks' names, in their order."""
        return [block.space.name for block in self.blocks]

    def enter(self, dense: Dense) -> dict[str, Array]:
        """The blocks of what is stored, and of queries before anything is imputed."""
        return enter(self.paths, dense)

    def asked(self, dense: Dense) -> dict[str, Array]:
        """The blocks of queries; a row of zeros is an input that the space was lost for, too."""
        blocks = self.enter(self._heard(dense))
        return blocks if self.imputation is None else impute(self, self.imputation, dense, blocks)

    def weights(self, modality: Modality, dense: Dense, *, routed: bool = True) -> dict[str, Array]:
        """The weights of queries, by block."""
        heard = self._heard(dense)
        router = self.routers.get(modality) if routed else None
        if not heard:
            return {}
        blocks = self.asked(dense)
        return weigh(router, self._read(dense, heard, blocks), self.widths, self.names, blocks)

    def _read(self, dense: Dense, heard: Dense, blocks: Mapping[str, Array]) -> Dense:
        """What a router reads: the imputed block of a lost space, too, where it is as wide as the space."""
        found = dict(heard)
        for name in dense:
            rows = blocks.get(name)
            if self.imputation is not None and rows is not None and rows.shape[1] == self.widths[name]:
                silent = np.zeros_like(rows) if name not in heard else heard[name]
                found[name] = np.where(silent.any(axis=1, keepdims=True), silent, rows)
        return found

    def places(
        self, task: Task, *, routed: bool, only: str | None = None, stored: Mapping[str, Array] | None = None
    ) -> Array:
        """The place of each query's right document, by all blocks or one alone; infinite where none spoke.

        `stored` are the blocks of the task's documents, where they are known.
        """
        cosines = similarities(self.asked(task.queries), stored or self.enter(task.documents))
        if only is not None:
            cosines = {name: one for name, one in cosines.items() if name == only}
        if not cosines:
            return np.full(task.size, np.inf)
        if only is not None:
            return places(score(cosines))
        return places(score(cosines, self.weights(task.modality, task.queries, routed=routed)))

    def _heard(self, dense: Dense) -> Dense:
        return {name: rows for name, rows in dense.items() if name not in self.without}


def impute(joint: Joint, how: BoundImputation, dense: Dense, blocks: Mapping[str, Array]) -> dict[str, Array]:
    """The blocks of queries `dense`, filled where a lost space leads into one that nothing else reached."""
    count = len(next(iter(dense.values())))
    lacking = np.zeros((count, len(joint.names)), bool)
    for path in joint.paths:
        if path.source.name in dense:
            lost = path.source.name in joint.without or ~dense[path.source.name].any(axis=1)
            lacking[:, joint.names.index(path.block)] |= lost
    widths = [block.width for block in joint.blocks]
    rows = [
        blocks.get(name, np.zeros((count, width), np.float32))
        for name, width in zip(joint.names, widths, strict=True)
    ]
    spoke = np.stack([one.any(axis=1) for one in rows], axis=1)
    if not (lacking & ~spoke).any():
        return dict(blocks)
    filled, told = imputations.configure(how.method, how.parameters)(rows, spoke, how.state)
    wanted = spoke | (told & lacking)
    return {
        name: filled[place] * wanted[:, place, None]
        for place, name in enumerate(joint.names)
        if wanted[:, place].any()
    }


def class_tasks(material: Material, blocks: Sequence[Reduced], classes: Mapping[str, Array]) -> list[Task]:
    """For each classifier, its `classes` found by their captions, and their names found by them."""
    tasks = []
    for block in blocks:
        name, modality = block.classifier.card.name, block.classifier.card.modality
        chosen = classes[name]
        if len(chosen) < 2:
            continue
        said, named = (material.captions(name, template, chosen) for template in (CAPTION, 0))
        seen = {name: block.features[chosen]}
        suffix = "" if len(material.members.of(modality)) == 1 else f" ({name})"
        tasks.append(Task(f"text → {modality}{suffix}", Modality.TEXT, said, seen))
        tasks.append(Task(f"{modality} → text{suffix}", modality, seen, named))
    return tasks


def losing_tasks(
    material: Material, blocks: Sequence[Reduced], classes: Mapping[str, Array], sentences: Array
) -> list[Task]:
    """What losses are measured on: captions of `classes` by every template, and `sentences` by the next one.

    Tasks of one name differ in the template and count together as one.
    """
    tasks = []
    for task in class_tasks(material, blocks, classes):
        if task.modality is not Modality.TEXT:
            tasks.append(task)
            continue
        name = next(iter(task.documents))
        templates = range(len(next(iter(material.names[name].values()))))
        tasks += [
            replace(task, queries=material.captions(name, template, classes[name])) for template in templates
        ]
    followed = sentences[sentences + 1 < len(material.corpus.texts)]
    if len(followed) > 1:
        said = material.sentences | {one.card.name: one.sentences for one in material.terms}
        first = {name: rows[followed] for name, rows in said.items()}
        following = {name: rows[followed + 1] for name, rows in said.items()}
        tasks.append(Task("text → text", Modality.TEXT, first, following))
    return tasks


def user_tasks(material: Material, rows: Mapping[Modality, Array]) -> list[Task]:
    """The user's pairs at `rows` (places among those of a modality) found either way."""
    tasks = []
    user = material.user
    for modality, chosen in rows.items():
        if len(chosen) < 2:
            continue
        rows_of = user.rows(modality)[chosen]
        texts = {name: vectors[rows_of] for name, vectors in user.texts.items()}
        texts |= {one.card.name: one.texts[rows_of] for one in material.terms}
        if modality is Modality.TEXT:
            others = {name: vectors[chosen] for name, vectors in user.same.items()}
            others |= {one.card.name: one.same[chosen] for one in material.terms}
        else:
            cards: Sequence[EncoderCard] = material.members.reading(modality)
            others = {card.name: user.others[card.name][chosen] for card in cards}
        tasks.append(Task(f"text → {modality} (your pairs)", Modality.TEXT, texts, others))
        if modality is not Modality.TEXT:
            tasks.append(Task(f"{modality} → text (your pairs)", modality, others, texts))
    return tasks
