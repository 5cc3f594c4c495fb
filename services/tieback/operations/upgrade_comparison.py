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
    """A policy: new queries led to stored vectors, and stored vectors translated for new queries.

    `retention` is the share of re-embedded nDCG that is kept where queries are led, as an upgrade does it
    whose old encoder is gone.
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
    curve: tuple[tuple[float, float, float], ...]
    """The share re-embedded; nDCG where both spaces are read; nDCG where queries are led to the others."""
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
        key=lambda one: -one.retention.value,
    )
    both = trial.curve(trial.old, trial.questions.old @ trial.background.old.T)
    best = tried[0]
    queries = _led(trial, best.policy, states[best.policy])
    led = trial.curve(queries @ trial.gallery.old.T, queries @ trial.background.old.T)
    seconds = 0.0
    if best.translated is not None:
        seconds = _seconds(best.policy, trial.gallery.old[:TIMED], states[best.policy])
    advice, reason = advised(old, native, (best.policy, best.retention), floor)
    curve = tuple(zip(SHARES, both, led, strict=True))
    return Comparison(old, native, tuple(tried), curve, seconds, advice, reason)


def _tried(trial: Trial, name: str, state: State) -> Tried:
    by_led = np.asarray(_led(trial, name, state) @ trial.gallery.old.T)
    translated = None
    if translates(name):
        rows = _translated(name, trial.gallery.old, state)
        translated = trial.worth(np.asarray(trial.questions.new @ rows.T))
    return Tried(name, translated, trial.worth(by_led), trial.retained(by_led))


def _led(trial: Trial, name: str, state: State) -> Array:
    """The questions in the old space, of what the new encoder says."""
    return shared(compatibilities.get(name)(trial.questions.new, state), trial.gallery.old.shape[1])


def _translated(name: str, rows: Array, state: State) -> Array:
    return compatibilities.form(TRANSLATE, name)(rows, state)


def _seconds(name: str, rows: Array, state: State) -> float:
    begun = time.monotonic()
    _translated(name, rows, state)
    return (time.monotonic() - begun) / len(rows)
