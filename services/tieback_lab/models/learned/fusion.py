"""A learned fusion: how the parts of one thing, some of which may be missing, become one vector.

An artifact that `tieback train fusion` made. It knows the encoders of its parts by their exact spaces, and
the patterns of parts that it was trained with, with what each is worth.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import Artifact, Kind
from tieback.catalog.card import EncoderCard
from tieback.catalog.source import short_hash
from tieback.core.state import State, check_state
from tieback.methods.projection import unit_rows
from tieback.models.learned import ServedKind
from tieback_contract.arrays import Array
from tieback_contract.vectors import SpaceRef

from tieback_lab.contract.fusion import (
    FusionDescription,
    FusionPart,
    FusionPattern,
    FusionTag,
    TagKind,
)
from tieback_lab.methods.fusion import STEP, TAGS, TRUSTS, Rows, There, fusions

FUSION = Kind("fusion", "fusion of parts", 1, "train it again: tieback train fusion")
REFUSE = "refuse"
MOST_TAGS = 8
"""Of a kind."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedFusion:
    """By a method, with a `state`, of parts in the `spaces` of their encoders; `classes` that it predicts."""

    description: FusionDescription
    state: State
    spaces: Mapping[str, SpaceRef]
    widths: Sequence[int]
    classes: Sequence[str]
    patterns: Mapping[frozenset[str], FusionPattern]
    tag_names: Sequence[str] = ()

    @classmethod
    def load(cls, folder: Path, served: Sequence[EncoderCard]) -> LearnedFusion:
        """ArtifactError where the folder holds none, or it is for other encoders than those `served`."""
        artifact = Artifact.load(folder, FUSION)
        artifact.check_weights([card.space for card in served])
        facts = artifact.facts
        check_state(artifact.arrays, fusions.state(facts["method"]))
        patterns = [FusionPattern(**one) for one in facts["patterns"]]
        description = FusionDescription(
            facts["name"], facts["method"],
            SpaceRef(facts["name"], artifact.revision, short_hash("fusion", artifact.revision)),
            artifact.arrays["decode"].shape[0], [FusionPart(**one) for one in facts["parts"]],
            facts["condition"], facts["missing"], facts["measure"], patterns,
        )  # fmt: skip
        return cls(
            description,
            artifact.arrays,
            {space.name: space for space in artifact.made_for},
            np.diff(artifact.arrays["ends"], prepend=0).tolist(),
            facts["classes"],
            {frozenset(one.parts): one for one in patterns},
            facts.get("tags", ()),
        )

    @property
    def names(self) -> list[str]:
        """The parts, in their order."""
        return [one.name for one in self.description.parts]

    @property
    def goes_on(self) -> bool:
        """True where parts are taken one after another, with a state between them."""
        return fusions.has(STEP, self.description.method) and not (
            self.state["pool"].size or self.state["between"].size
        )

    @property
    def state_space(self) -> SpaceRef:
        """Names the states, which compare with nothing."""
        space = self.description.space
        return SpaceRef(space.name, space.revision, "state")

    def fused(self, rows: Rows, there: There, condition: Array | None) -> Array:
        """Unit vectors `[things, width]` of all parts at once, which `checked` has taken."""
        return fusions.configure(self.description.method)(rows, there, condition, self.state)

    def step(self, rows: Array, part: str, before: Array | None) -> Array:
        """The state `[width]` after one more part of one thing, of its rows `[rows, width of the part]`."""
        there = np.ones((1, len(rows)), bool)
        known = None if before is None else before[None]
        step = fusions.form(STEP, self.description.method)
        return np.asarray(step(rows[None], there, self.names.index(part), known, self.state)[0])

    def read(self, state: Array) -> Array:
        """The unit vector `[width]` of a state that `step` gave."""
        return np.asarray(unit_rows(state[None, : self.description.width])[0])

    @property
    def state_width(self) -> int:
        """The width of the states."""
        return _state_width(self)

    def weights(self, rows: Rows, there: There, condition: Array | None) -> Array:
        """The weights `[things, parts]` of parts by how far the vectors move without each; they sum to 1.

        A thing with one part has its whole weight there.
        """
        has = np.stack([one.any(axis=1) for one in there], 1)
        whole = self.fused(rows, there, condition)
        moved = has.astype(np.float64)
        for place in range(len(there)):
            without = [one & (place != other) for other, one in enumerate(there)]
            some = has[:, place] & (has.sum(axis=1) > 1)
            if some.any():
                given = None if condition is None else condition[some]
                others = self.fused([one[some] for one in rows], [one[some] for one in without], given)
                moved[some, place] = np.maximum(1 - (others * whole[some]).sum(axis=1), 1e-9)
        return np.asarray(moved / moved.sum(axis=1, keepdims=True))

    def tags(self, rows: Rows, there: There) -> list[FusionTag]:
        """The names of what one thing shows, entities first; none where the method gives no names."""
        if not fusions.has(TAGS, self.description.method):
            return []
        scores = fusions.form(TAGS, self.description.method)(rows, there, self.state)[0]
        entities = len(self.state["entities"])
        return [
            *self._most(scores[:, :entities], TagKind.ENTITY, 0),
            *self._most(scores[:, entities:], TagKind.ATTRIBUTE, entities),
        ]

    def _most(self, scores: Array, kind: TagKind, begin: int) -> list[FusionTag]:
        """The tags of one kind with the highest scores `[parts, tags]`."""
        total = scores.sum(axis=0)
        kept = [int(one) for one in np.argsort(-total, kind="stable")[:MOST_TAGS] if total[one] > 0]
        return [
            FusionTag(
                self.tag_names[begin + one], kind, float(total[one]),
                [name for name, score in zip(self.names, scores[:, one], strict=True) if score > 0],
            )
            for one in kept
        ]  # fmt: skip

    def trusts(self, present: Sequence[str]) -> dict[str, float]:
        """The learned trust in each part that is present or replaced; empty where the method has none."""
        if not fusions.has(TRUSTS, self.description.method):
            return {}
        replaces = bool(self.state["pool"].size or self.state["between"].size)
        given = [name for name in self.names if replaces or name in present]
        has = np.isin(self.names, given)[None]
        found = fusions.form(TRUSTS, self.description.method)(has, self.state)[0]
        return {name: float(found[self.names.index(name)]) for name in given}

    def expected_loss(self, present: Iterable[str]) -> float | None:
        """The expected cost of the other parts; None where it was not measured."""
        whole, some = (self.patterns.get(frozenset(one)) for one in (self.names, present))
        if whole is None or some is None or whole.value is None or some.value is None:
            return None
        return whole.value - some.value

    def is_unseen(self, present: Iterable[str]) -> bool:
        """Tell whether training never saw the pattern."""
        found = self.patterns.get(frozenset(present))
        return found is None or not found.seen


@functools.cache
def _state_width(fusion: LearnedFusion) -> int:
    return len(fusion.step(np.zeros((1, fusion.widths[0]), np.float32), fusion.names[0], None))


SERVED = ServedKind(
    FUSION,
    LearnedFusion,
    lambda folder, models: LearnedFusion.load(folder, models.encoders),
    lambda one: (f"the fusion {one.description.name!r}",),
)


def patterns_of(names: Sequence[str], has: Array, *, dropped: bool) -> list[dict[str, Any]]:
    """All patterns of parts, and how many things `has` `[things, parts]` show each; the fullest first.

    With parts `dropped` in training, a pattern was seen where a thing has these parts and others.
    """
    found = []
    for count in range(len(names), 0, -1):
        for chosen in itertools.combinations(range(len(names)), count):
            exact = (has == np.isin(np.arange(len(names)), chosen)).all(axis=1)
            seen = has[:, list(chosen)].all(axis=1) if dropped else exact
            parts = [names[place] for place in chosen]
            found.append(
                {"parts": parts, "things": int(exact.sum()), "seen": bool(seen.any()), "value": None}
            )
    return found
