"""Upgrade policies compared on what no policy has learned from, and what follows for the collection."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tieback.core.state import State
from tieback.core.types.arrays import Array
from tieback.methods.compatibility import TRANSLATE, compatibilities, shared, translates
from tieback.operations.upgrade_advice import advised
from tieback.operations.upgrade_worth import SHARES, Measured, Trial, Worth

TIMED = 1000
"""Rows by which the time of a translation is measured."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A policy: stored vectors translated for new queries, and new queries led to stored vectors.

    `retention` is the share of re-embedded nDCG that it keeps: translated where it translates, else led.
    """

    policy: str
    translated: Worth | None
    led: Worth
    retention: Measured


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found, with the best policy first."""

    old: Worth
    reembedded: Worth
    tried: tuple[Tried, ...]
    curve: tuple[tuple[float, float, float | None], ...]
    """The share re-embedded; nDCG where both spaces are read; nDCG where the others are translated."""
    translation_seconds: float
    """Of one vector; 0 where nothing translates."""
    advice: str
    reason: str

    def told(self, floor: float) -> dict[str, Any]:
        """As values that JSON knows. A policy that keeps less than `floor` is refused."""
        return {
            "old": asdict(self.old),
            "reembedded": asdict(self.reembedded),
            "policies": [asdict(one) | {"refused": one.retention.value < floor} for one in self.tried],
            "curve": [list(point) for point in self.curve],
            "advice": self.advice,
            "reason": self.reason,
        }


def compare(trial: Trial, states: Mapping[str, State], floor: float) -> Comparison:
    """Tries the policies, whose states were learned from other contents than those of the trial."""
    old, native = trial.worth(trial.old), trial.worth(trial.native)
    tried = sorted(
        (_tried(trial, name, state) for name, state in states.items()),
        key=lambda one: (one.translated is None, -one.retention.value),
    )
    both = trial.curve(trial.old, trial.questions.old @ trial.background.old.T)
    translated: list[float | None] = [None] * len(SHARES)
    best, seconds = tried[0], 0.0
    if best.translated is not None:
        state = states[best.policy]
        rows = _translated(best.policy, trial.background.old, state)
        translated = [*trial.curve(_scores(trial, best.policy, state), trial.questions.new @ rows.T)]
        seconds = _seconds(best.policy, trial.gallery.old[:TIMED], state)
    kept = None if best.translated is None else (best.policy, best.retention)
    advice, reason = advised(old, native, kept, floor)
    curve = tuple(zip(SHARES, both, translated, strict=True))
    return Comparison(old, native, tuple(tried), curve, seconds, advice, reason)


def _tried(trial: Trial, name: str, state: State) -> Tried:
    queries = shared(compatibilities.get(name)(trial.questions.new, state), trial.gallery.old.shape[1])
    by_led = np.asarray(queries @ trial.gallery.old.T)
    if not translates(name):
        return Tried(name, None, trial.worth(by_led), trial.retained(by_led))
    scores = _scores(trial, name, state)
    return Tried(name, trial.worth(scores), trial.worth(by_led), trial.retained(scores))


def _scores(trial: Trial, name: str, state: State) -> Array:
    return np.asarray(trial.questions.new @ _translated(name, trial.gallery.old, state).T)


def _translated(name: str, rows: Array, state: State) -> Array:
    return compatibilities.form(TRANSLATE, name)(rows, state)


def _seconds(name: str, rows: Array, state: State) -> float:
    begun = time.monotonic()
    _translated(name, rows, state)
    return (time.monotonic() - begun) / len(rows)
