"""Thresholds that are chosen with one domain left out, and means over domains.

A source has rows with scores and with what the score is for: that a claim is supported, or that a quote is
right. A threshold for a source is chosen on the sources of all other domains, each of which counts alike,
however many rows it has. So a number of a source says what is met on texts of a kind that nothing was chosen
by, as far as the scores themselves were not learned from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.report import Report
from benchmarks.statistics import DRAWS, Interval

LEAST_ROWS = 20
"""Rows that a share rests on at least."""
INTERVAL = "95 %, bootstrap of domains"


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a source: `scores` `[rows]`, and whether each is a case of what is scored, `holds` `[rows]`."""

    domain: str
    scores: np.ndarray
    holds: np.ndarray


@dataclass(frozen=True, slots=True)
class OverDomains:
    """A mean over sources, the ends of its 95 % interval, and the lowest value with its source."""

    value: float
    low: float
    high: float
    worst: float
    worst_source: str
    sources: int


Choose = Callable[[Sequence[Source]], float]
"""A threshold by scored sources; infinity where none does."""


def left_out(sources: Mapping[str, Source], choose: Choose) -> dict[str, float]:
    """The threshold of each source, chosen on the sources of all other domains."""
    chosen = {
        domain: choose([one for one in sources.values() if one.domain != domain])
        for domain in {one.domain for one in sources.values()}
    }
    return {name: chosen[one.domain] for name, one in sources.items()}


def most_balanced(sources: Sequence[Source]) -> float:
    """The threshold with the highest mean of balanced accuracies; of equal ones the lowest."""
    both = [one for one in sources if one.holds.any() and not one.holds.all()]
    if not both:
        return math.inf
    places = np.unique(np.concatenate([one.scores for one in both]))
    accuracy = np.zeros(len(places))
    for one in both:
        found = _share_from(one.scores[one.holds], places)
        false = _share_from(one.scores[~one.holds], places)
        accuracy += (found + 1 - false) / (2 * len(both))
    return float(places[int(accuracy.argmax())])


def precise(sources: Sequence[Source], wanted: float, *, least: int = LEAST_ROWS) -> float:
    """The lowest threshold from which on the share `wanted` holds, each source of equal weight.

    Infinity where no threshold with at least so many rows has it.
    """
    if not sources:
        return math.inf
    scores = np.concatenate([one.scores for one in sources])
    holds = np.concatenate([one.holds for one in sources])
    weights = np.concatenate([np.full(len(one.scores), 1 / max(len(one.scores), 1)) for one in sources])
    order = np.argsort(-scores, kind="stable")
    scores, right, weights = scores[order], (holds * weights)[order].cumsum(), weights[order].cumsum()
    is_last = np.append(scores[1:] < scores[:-1], True)  # equal scores are on one side
    is_last[: least - 1] = False
    good = np.flatnonzero(is_last & (right >= wanted * weights - 1e-12))
    return float(scores[good[-1]]) if len(good) else math.inf


def over_domains(values: Mapping[str, float], domains: Mapping[str, str]) -> OverDomains | None:
    """The mean of the values of sources, with an interval by drawing domains with replacement.

    Sources without a value (NaN) are left out; None where no source has one.
    """
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    if not known:
        return None
    by_domain: dict[str, list[float]] = {}
    for name, value in known.items():
        by_domain.setdefault(domains[name], []).append(value)
    sums = np.array([sum(own) for own in by_domain.values()])
    counts = np.array([len(own) for own in by_domain.values()])
    drawn = np.random.default_rng(0).integers(0, len(sums), (DRAWS, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    _, low, high = Interval.of(0.0, means)
    worst = min(known, key=lambda name: known[name])
    mean = float(np.mean(list(known.values())))
    return OverDomains(mean, low, high, known[worst], worst, len(known))


def claim_mean(
    report: Report, name: str, values: Mapping[str, float], domains: Mapping[str, str], target: str
) -> None:
    """Hold a mean over sources against a target; the worst is the lowest, or of "<=" the highest."""
    sign = -1 if target.startswith("<") else 1
    over = over_domains({source: sign * value for source, value in values.items()}, domains)
    name = f"{name}, mean over sources"
    if over is None:
        report.claim(name, None, "", target, note="no source has any")
        return
    low, high = sorted((sign * over.low, sign * over.high))
    mean = Interval(sign * over.value, low, high)
    note = f"{over.sources} sources; the worst is {sign * over.worst:.2f} of {over.worst_source}"
    report.claim(name, mean, "", target, interval=INTERVAL, note=note)


def _share_from(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The share of the scores that are at least each place."""
    return 1 - np.searchsorted(np.sort(scores), places, side="left") / len(scores)
