"""Abstention by a bound that is chosen with one domain left out.

The bound is the score that best tells questions with an answer from open ones, on the sources of all other
domains. Questions that people marked as open, in passages that are about the same, are told apart from those
whose passage is another one: of these the words alone tell much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.classification import balanced_accuracy, share
from benchmarks.left_out import Source, claim_mean, left_out, most_balanced
from benchmarks.quotes.outcomes import Outcome
from benchmarks.report import Report

MARKED = ("marked by people", "experts")
"""Beginnings of what the data say of open questions that people marked."""


def tell(report: Report, found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str]) -> None:
    """Rows by source, and the mean of their balanced accuracies."""
    rows = by_source(found, domains)
    report.table("abstention, with a bound that is chosen without the domain", rows)
    values = {row["source"]: row["balanced accuracy"] for row in rows}
    claim_mean(report, "abstention, balanced accuracy", values, domains, "> 0.5")


def by_source(found: Mapping[str, Sequence[Outcome]], domains: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of each source: the bound, and the shares that are abstained from."""
    sources = {
        name: Source(
            domains[name],
            np.array([one.score for one in own], float),
            np.array([one.answerable for one in own], bool),
        )
        for name, own in found.items()
    }
    bounds = left_out(sources, most_balanced)
    rows = []
    for name, one in sources.items():
        below = one.scores < bounds[name]
        marked = np.array([each.opened.startswith(MARKED) for each in found[name]], bool)
        rows.append(
            {
                "domain": one.domain,
                "source": name,
                "questions": len(one.scores),
                "below": bounds[name],
                "balanced accuracy": balanced_accuracy(one.holds, ~below),
                "abstained of answerable": share(below[one.holds]),
                "abstained of open": share(below[~one.holds]),
                "abstained of open, marked by people": share(below[marked]),
            }
        )
    return rows
