"""Upgrade policies compared on what no policy has learned from, and what follows for the collection."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.state import State
from tieback.methods.compatibility import TRANSLATE, compatibilities, shared, translates
from tieback.operations.upgrades.worth import SHARES, Measured, Trial, Worth, advised

TIMED = 1000
"""Rows by which the time of a translation is measured."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A policy: stored vectors translated for new queries, and new queries led to stored vectors.

    Of both ways it has what searches are worth, and which share of re-embedded nDCG is kept. A policy that
    cannot translate has None.
    """

    policy: str
    translated: Worth | None
    led: Worth

    @property
    def translates_stored(self) -> bool:
        """Whether an upgrade translates stored vectors by it: where that keeps as much, or more."""
        return self.translated is not None and self.translated.kept.value >= self.led.kept.value

    @property
    def served(self) -> Worth:
        """What the better way is worth, as an upgrade does it whose old encoder is gone."""
        return self.translated if self.translated is not None and self.translates_stored else self.led

    @property
    def retention(self) -> Measured:
        """The share of re-embedded nDCG that it keeps."""
        return self.served.kept

    @property
    def way(self) -> str:
        """What is done, in words."""
        return f"{'stored vectors translated' if self.translates_stored else 'queries led'} by {self.policy}"

    def told(self, floor: float) -> dict[str, Any]:
        """As values that JSON knows."""
        return asdict(self) | {
            "translates_stored": self.translates_stored,
            "retention": asdict(self.retention),
            "refused": self.retention.value < floor,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What was found, with the best policy first."""

    old: Worth
    reembedded: Worth
    gain: Measured
    """Re-embedded nDCG less today's."""
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
            "gain": asdict(self.gain),
            "floor": floor,
            "policies": [one.told(floor) for one in self.tried],
            "curve": [list(point) for point in self.curve],
            "advice": self.advice,
            "reason": self.reason,
        }


def compare(trial: Trial, states: Mapping[str, Sequence[State]], floor: float) -> Comparison:
    """Tries the policies. Of each there are the states that the trial's numbers are of."""
    old, native, gain = trial.worth(trial.old), trial.worth(trial.native), trial.gained()
    tried = sorted(
        (try_policy(trial, name, of_policy) for name, of_policy in states.items()),
        key=lambda one: -one.retention.value,
    )
    both = trial.curve(trial.old)
    best = tried[0]
    alone = trial.curve(_served_scores(trial, best, states[best.policy]))
    seconds = 0.0
    if best.translated is not None:
        seconds = _seconds(best.policy, trial.gallery.old[:TIMED], states[best.policy][0])
    advice, reason = advised(old, native, gain, (best.way, best.retention), floor)
    curve = tuple(zip(SHARES, both, alone, strict=True))
    return Comparison(old, native, gain, tuple(tried), curve, seconds, advice, reason)


def led_scores(trial: Trial, name: str, states: Sequence[State]) -> Array:
    """Scores of the old vectors where the new encoder's questions are led into the old space."""
    width = trial.gallery.old.shape[1]
    rows = np.empty((len(trial.questions.new), width), np.float32)
    for number in np.unique(trial.led_by):
        is_led = trial.led_by == number
        led = compatibilities.get(name)(trial.questions.new[is_led], states[number])
        rows[is_led] = shared(led, width)
    return np.asarray(rows @ trial.gallery.old.T)


def translated_scores(trial: Trial, name: str, states: Sequence[State]) -> Array:
    """Scores of the old vectors, translated into the new space."""
    rows = np.empty(trial.gallery.new.shape, np.float32)
    translate = compatibilities.form(TRANSLATE, name)
    for number in np.unique(trial.read_by):
        is_read = trial.read_by == number
        rows[is_read] = translate(trial.gallery.old[is_read], states[number])
    return np.asarray(trial.questions.new @ rows.T)


def _served_scores(trial: Trial, tried: Tried, states: Sequence[State]) -> Array:
    scores = translated_scores if tried.translates_stored else led_scores
    return scores(trial, tried.policy, states)


def try_policy(trial: Trial, name: str, states: Sequence[State]) -> Tried:
    """Searches by a policy, with the states that the trial's numbers are of."""
    translated = None
    if translates(name):
        translated = trial.worth(translated_scores(trial, name, states))
    return Tried(name, translated, trial.worth(led_scores(trial, name, states)))


def _seconds(name: str, rows: Array, state: State) -> float:
    begun = time.monotonic()
    compatibilities.form(TRANSLATE, name)(rows, state)
    return (time.monotonic() - begun) / len(rows)
