"""The imputation of lost text spaces: fitted on what all text spaces encode, and the best is the default.

Every method of the family is fitted, and each is there for requests that ask for it. Only text blocks are
filled: a text still reaches all others by the text spaces that are left, and a photo or a sound whose only
space is lost has said nothing that could be led anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.imputation import fit, imputations
from tieback.methods.projection import unit_rows
from tieback.models.bound_space import BoundImputation, BoundPath
from tieback.recipes.binding import measure
from tieback.recipes.binding.entering import Dense, enter
from tieback.recipes.binding.kinds import sentences
from tieback.recipes.binding.material import Material
from tieback.recipes.binding.project import Reduced
from tieback.recipes.binding.tasks import Joint, Task, losing_tasks
from tieback.training.splits import Split

Losses = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The methods, best first, fitted without what is measured on; and what told them apart."""

    measured: tuple[BoundImputation, ...]
    told: dict[str, Any]

    @property
    def usual(self) -> BoundImputation | None:
        """The default; None where there is no other text space to impute one from."""
        return self.measured[0] if self.measured else None


@dataclass(frozen=True, slots=True)
class ImputationFitter:
    """From the joint space with its routers, fitted without held-out classes, to its imputations."""

    material: Material
    joint: Joint
    blocks: Sequence[Reduced]
    splits: Mapping[str, Split]
    seed: int

    def choose(self) -> Chosen:
        """The methods by what queries lose without each text space, on validation classes and sentences."""
        texts = [path.source.name for path in self._own]
        said = self._sentences
        try:
            fitted = self._fitted({name: one.training for name, one in self.splits.items()}, said.training)
        except InvalidInput as too_few:
            return Chosen((), {"rows": [], "left_out": too_few.message})
        validation = {name: one.validation for name, one in self.splits.items()}
        tasks = [
            task
            for task in losing_tasks(self.material, self.blocks, validation, said.validation)
            if task.modality is Modality.TEXT
        ]
        rows, costs = [], {}
        for one in fitted:
            lost = measure.losses(replace(self.joint, imputation=one), tasks).get(Modality.TEXT.value, {})
            lost = {name: lost.get(name, 0.0) for name in texts}
            costs[one.method] = float(np.mean(list(lost.values())))
            rows.append({"method": one.method, "lost": lost, "mean": round(costs[one.method], 2)})
        # Where two cost the same, the simpler goes first.
        order = sorted(fitted, key=lambda one: (costs[one.method], _size(one)))
        told = {
            "chosen": order[0].method,
            "measure": "points of R@10 lost, on validation classes and sentences",
            "queries": sum(task.size for task in tasks),
            "rows": rows,
        }
        return Chosen(tuple(order), told)

    def keep(
        self, chosen: Chosen, held_out: Mapping[str, Array], more: Sequence[Task]
    ) -> tuple[Losses, tuple[BoundImputation, ...]]:
        """The losses on what was held out, and `more`; and the methods fitted on everything, to be served."""
        tasks = [*losing_tasks(self.material, self.blocks, held_out, self._sentences.held_out), *more]
        if not chosen.measured:
            return measure.losses(self.joint, tasks), ()
        every = {
            name: one.classifier.once(np.arange(len(one.classifier.names)))
            for name, one in self._by_name.items()
        }
        served = {one.method: one for one in self._fitted(every, np.arange(len(self.material.corpus.texts)))}
        kept = tuple(
            replace(served[one.method], losses=measure.losses(replace(self.joint, imputation=one), tasks))
            for one in chosen.measured
        )
        return kept[0].losses, kept

    @property
    def _sentences(self) -> Split:
        return sentences(len(self.material.corpus.texts), self.seed)

    @property
    def _own(self) -> list[BoundPath]:
        """The paths of text spaces into blocks that are theirs alone; paths stand in for shared ones."""
        texts = {card.name for card in self.material.members.texts}
        return [path for path in self.joint.paths if path.source.name == path.block and path.block in texts]

    @property
    def _by_name(self) -> dict[str, Reduced]:
        return {one.classifier.card.name: one for one in self.blocks}

    def _fitted(self, classes: Mapping[str, Array], said: Array) -> list[BoundImputation]:
        """Every method, fitted on the captions of these classes and on these sentences."""
        captions = {
            text: [
                self.material.names[name][text][:, chosen].reshape(-1, rows.shape[1])
                for name, chosen in classes.items()
            ]
            for text, rows in self.material.sentences.items()
        }
        rows = {
            text: np.concatenate([*captions[text], self.material.sentences[text][said]]) for text in captions
        }
        blocks = self._in_their_blocks(rows)
        return [BoundImputation(name, {}, _halved(fit(name, blocks))) for name in imputations.names()]

    def _in_their_blocks(self, dense: Dense) -> list[Array]:
        """What each space says in its own block, aligned; zeros in the blocks of the others."""
        count = len(next(iter(dense.values())))
        said = enter(self._own, dense)
        return [
            unit_rows(said.get(block.space.name, np.zeros((count, block.width), np.float32)))
            for block in self.joint.blocks
        ]


def _halved(state: State) -> dict[str, Array]:
    return {name: array.astype(np.float16) for name, array in state.items()}


def _size(one: BoundImputation) -> int:
    return sum(array.nbytes for array in one.state.values())
