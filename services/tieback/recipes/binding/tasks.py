"""Retrieval across modalities on what no fit has seen, and the joint space that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types import Array, Modality
from tieback.models.bound_space import Block, BoundPath, BoundRouter
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
    """Blocks, paths and routers in use; a space in `without` is as if it were down, its block included."""

    blocks: Sequence[Block]
    paths: Sequence[BoundPath]
    routers: Mapping[Modality, BoundRouter]
    widths: Mapping[str, int]
    without: frozenset[str] = frozenset()

    @property
    def names(self) -> list[str]:
        """The blocks' names, in their order."""
        return [block.space.name for block in self.blocks]

    def enter(self, dense: Dense) -> dict[str, Array]:
        """The blocks of inputs."""
        return enter([path for path in self.paths if path.block not in self.without], self._heard(dense))

    def weights(self, modality: Modality, dense: Dense, *, routed: bool = True) -> dict[str, Array]:
        """The weights of queries, by block."""
        heard = self._heard(dense)
        router = self.routers.get(modality) if routed else None
        if not heard:
            return {}
        return weigh(router, heard, self.widths, self.names, self.enter(dense))

    def places(self, task: Task, *, routed: bool, only: str | None = None) -> Array:
        """The place of each query's right document, by all blocks or one alone; infinite where none spoke."""
        cosines = similarities(self.enter(task.queries), self._all().enter(task.documents))
        if only is not None:
            cosines = {name: one for name, one in cosines.items() if name == only}
        if not cosines:
            return np.full(task.size, np.inf)
        if only is not None:
            return places(score(cosines))
        return places(score(cosines, self.weights(task.modality, task.queries, routed=routed)))

    def _heard(self, dense: Dense) -> Dense:
        return {name: rows for name, rows in dense.items() if name not in self.without}

    def _all(self) -> Joint:
        """What documents were stored with, when all was well."""
        return Joint(self.blocks, self.paths, self.routers, self.widths)


def class_tasks(material: Material, blocks: Sequence[Reduced], classes: Mapping[str, Array]) -> list[Task]:
    """For each classifier, its `classes` found by their captions, and their names found by them."""
    tasks = []
    for block in blocks:
        name, modality = block.classifier.card.name, block.classifier.card.modality
        chosen = classes[name]
        if len(chosen) < 2:
            continue
        spoken = material.names[name]
        said = {text: rows[min(1, len(rows) - 1)][chosen] for text, rows in spoken.items()}
        named = {text: rows[0][chosen] for text, rows in spoken.items()}
        seen = {name: block.features[chosen]}
        suffix = "" if len(material.members.of(modality)) == 1 else f" ({name})"
        tasks.append(Task(f"text → {modality}{suffix}", Modality.TEXT, said, seen))
        tasks.append(Task(f"{modality} → text{suffix}", modality, seen, named))
    return tasks


def user_tasks(material: Material, rows: Mapping[Modality, Array]) -> list[Task]:
    """The user's pairs at `rows` (places among those of a modality) found either way."""
    tasks = []
    user = material.user
    for modality, chosen in rows.items():
        if len(chosen) < 2:
            continue
        texts = {name: vectors[user.rows(modality)[chosen]] for name, vectors in user.texts.items()}
        if modality is Modality.TEXT:
            others = {name: vectors[chosen] for name, vectors in user.same.items()}
        else:
            cards: Sequence[EncoderCard] = [one.card for one in material.members.of(modality)]
            others = {card.name: user.others[card.name][chosen] for card in cards}
        tasks.append(Task(f"text → {modality} (your pairs)", Modality.TEXT, texts, others))
        if modality is not Modality.TEXT:
            tasks.append(Task(f"{modality} → text (your pairs)", modality, others, texts))
    return tasks
