"""Measures of the judged answers of many questions: shares with their intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tieback_client.evaluation.judging import Judged, Outcome

NORMAL = 1.96  # of a 95 % interval


@dataclass(frozen=True, slots=True)
class Measure:
    """A share of questions, with the 95 % interval of Wilson (1927)."""

    name: str
    """Names it for `--min` and `--max`."""
    said: str
    """The same in words."""
    count: int
    """The number of those that it holds for."""
    of: int
    """The number of all."""

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Its lower and its upper end; None of nothing."""
        if not self.of:
            return None
        share, z = self.count / self.of, NORMAL * NORMAL / self.of
        middle = (share + z / 2) / (1 + z)
        half = NORMAL * math.sqrt(share * (1 - share) / self.of + z / (4 * self.of)) / (1 + z)
        return max(0.0, middle - half), min(1.0, middle + half)


NAMES = {
    "first": "the expected file is found first",
    "third": "it is among the first three files",
    "found": "it is found at all",
    "right": "right and shown",
    "other_file": "right words, cited from another file",
    "wrong": "wrong and shown",
    "abstained": "open, and rightly abstained from",
    "withheld": "abstained from, although the collection answers",
    "abstained_of_open": "of the open questions, abstained from",
}


def measures(found: Sequence[Judged]) -> list[Measure]:
    """Measures of answers, in the order of `NAMES`. Ranks are of questions with files, the rest of all."""
    named = [one for one in found if one.expected.files]
    opened = [one for one in found if one.expected.is_open]

    def ranked(most: float) -> int:
        return sum(one.rank is not None and one.rank <= most for one in named)

    def ended(outcome: Outcome, among: Sequence[Judged] = found) -> int:
        return sum(one.outcome is outcome for one in among)

    counts = {
        "first": (ranked(1), len(named)),
        "third": (ranked(3), len(named)),
        "found": (ranked(math.inf), len(named)),
        "right": (ended(Outcome.RIGHT), len(found)),
        "other_file": (ended(Outcome.OTHER_FILE), len(found)),
        "wrong": (ended(Outcome.WRONG), len(found)),
        "abstained": (ended(Outcome.ABSTAINED), len(found)),
        "withheld": (ended(Outcome.WITHHELD), len(found)),
        "abstained_of_open": (ended(Outcome.ABSTAINED, opened), len(opened)),
    }
    return [Measure(name, said, *counts[name]) for name, said in NAMES.items()]


def levels(found: Sequence[Judged]) -> list[Measure]:
    """Of what is shown with each level, how much is right; words of another file are not counted as right."""
    names = dict.fromkeys(one.level for one in found if one.level)
    return [
        Measure(name, f"right, of those shown as {name}", _right(found, name), _shown(found, name))
        for name in sorted(names)
    ]


def _shown(found: Sequence[Judged], level: str) -> int:
    return sum(one.level == level for one in found)


def _right(found: Sequence[Judged], level: str) -> int:
    return sum(one.level == level and one.outcome is Outcome.RIGHT for one in found)
