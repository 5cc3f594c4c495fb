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

    Of both ways it has what searches are worth, and which share of re-embedded nDCG is kept. A policy that
    cannot translate has None.
    """

    policy: str
    translated: tuple[Worth, Measured] | None
    led: tuple[Worth, Measured]

    @property
    def translates_stored(self) -> bool:
        """Whether an upgrade translates stored vectors by it: where that keeps as much, or more."""
        return self.translated is not None and self.translated[1].value >= self.led[1].value

    @property
    def retention(self) -> Measured:
        """The share that is kept by the better way, as an upgrade does it whose old encoder is gone."""
        return self.translated[1] if self.translated is not None and self.translates_stored else self.led[1]

    @property
    def way(self) -> str:
        """What is done, in words."""
        return f"{'stored vectors translated' if self.translates_stored else 'queries led'} by {self.policy}"

    def told(self, floor: float) -> dict[str, Any]:
        """As values that JSON knows."""
        return {
            "policy": self.policy,
            "translated": None if self.translated is None else asdict(self.translated[0]),
            "led": asdict(self.led[0]),
            "translates_stored": self.translates_stored,
            "retention": asdict(self.retention),
            "refused": self.retention.value < floor,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found, with the best policy first."""

    old: Worth
    reembedded: Worth
    tried: tuple[Tried, ...]
    curve: tuple[tuple[float, float, float], ...]
    """The share re-embedded; nDCG where both spaces are read; nDCG without the old encoder, by the best."""
    translation_seconds: float
    """Of one vector; 0 where nothing translates."""
    advice: str
    reason: str

    def told(self, floor: float) -> dict[str, Any]:
        """As values that JSON knows. A policy that keeps less than `floor` is refused."""
        return {
            "old": asdict(self.old),
            "reembedded": asdict(self.reembedded),
            "policies": [one.told(floor) for one in self.tried],
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
    state = states[best.policy]
    seconds = 0.0
    if best.translated is not None:
        seconds = _seconds(best.policy, trial.gallery.old[:TIMED], state)
    if best.translates_stored:
        sides = [_translated(best.policy, one.old, state) for one in (trial.gallery, trial.background)]
        queries = trial.questions.new
    else:
        sides = [trial.gallery.old, trial.background.old]
        queries = _led(trial, best.policy, state)
    alone = trial.curve(*(queries @ one.T for one in sides))
    advice, reason = advised(old, native, (best.way, best.retention), floor)
    curve = tuple(zip(SHARES, both, alone, strict=True))
    return Comparison(old, native, tuple(tried), curve, seconds, advice, reason)


def _tried(trial: Trial, name: str, state: State) -> Tried:
    def both(scores: Array) -> tuple[Worth, Measured]:
        return trial.worth(scores), trial.retained(scores)

    translated = None
    if translates(name):
        rows = _translated(name, trial.gallery.old, state)
        translated = both(np.asarray(trial.questions.new @ rows.T))
    return Tried(name, translated, both(np.asarray(_led(trial, name, state) @ trial.gallery.old.T)))


def _led(trial: Trial, name: str, state: State) -> Array:
    """The questions in the old space, of what the new encoder says."""
    return shared(compatibilities.get(name)(trial.questions.new, state), trial.gallery.old.shape[1])


def _translated(name: str, rows: Array, state: State) -> Array:
    return compatibilities.form(TRANSLATE, name)(rows, state)


def _seconds(name: str, rows: Array, state: State) -> float:
    begun = time.monotonic()
    _translated(name, rows, state)
    return (time.monotonic() - begun) / len(rows)
