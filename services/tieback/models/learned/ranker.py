"""A learned ranker as an artifact: the method of the family learned_ranking, its state, and its signals.

One ships with the package (`shipped_ranker/`), trained on texts whose licences permit it; `tieback train
ranker` makes others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

from tieback.artifacts import Artifact, Kind
from tieback.core.errors import ArtifactError, InvalidInput, TiebackError
from tieback.core.state import State, check_state
from tieback.core.types.search import Signals, is_signal
from tieback.methods.learned_ranking import learned_rankings
from tieback.models.learned import ServedKind, shipped_folder

RANKER = Kind("ranker", "ranker", 1, "train it again: tieback train ranker")
SHIPPED = "shipped_ranker"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRanker:
    """A method with its state; `signals` are the names of its columns."""

    method: str
    signals: Sequence[str]
    state: State

    @classmethod
    def load(cls, folder: Path) -> TrainedRanker:
        """Reads the artifact. An ArtifactError where it is not whole, or not for this release."""
        artifact = Artifact.load(folder, RANKER)
        try:
            found = cls(str(artifact.facts["method"]), list(artifact.facts["signals"]), artifact.arrays)
            check_state(found.state, learned_rankings.state(found.method), signals=len(found.signals))
        except (KeyError, TypeError, InvalidInput, TiebackError) as error:
            raise RANKER.unreadable(folder, error) from error
        if strange := sorted(name for name in found.signals if not is_signal(name)):
            raise ArtifactError(
                f"the ranker {folder} reads the signal {strange[0]!r}, which this release does not have; "
                f"{RANKER.remedy}"
            )
        return found

    @property
    def read(self) -> list[str]:
        """The names of the signals that can change an order."""
        weights = self.state.get("weights", np.ones(len(self.signals)))
        return [name for name, weight in zip(self.signals, weights.tolist(), strict=True) if weight]

    def contributions(self, candidates: Sequence[Signals]) -> list[Mapping[str, float]]:
        """Of each candidate, what each of its signals adds to its score, which is the sum."""
        added = learned_rankings.get(self.method)(table(candidates, self.signals), self.state)
        return [
            {name: value for name, value in zip(self.signals, row, strict=True) if name in one}
            for one, row in zip(candidates, added.tolist(), strict=True)
        ]


def table(candidates: Sequence[Signals], names: Sequence[str]) -> Array:
    """The signals of those names, `[candidates, names]`, NaN where one is absent."""
    rows = [[one.get(name, np.nan) for name in names] for one in candidates]
    return np.array(rows, np.float64).reshape(len(candidates), len(names))


def shipped() -> Path:
    """The folder of the ranker that comes with the package."""
    return shipped_folder(SHIPPED)


SERVED = ServedKind(
    RANKER, TrainedRanker, lambda folder, _: TrainedRanker.load(folder), lambda _: ("a ranker",), SHIPPED
)
