"""Verdicts by likelihoods, and the passages that they rest on."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.claims import VerdictLabel

from tieback.methods.grounding import Finding

CITED_SHARE = 0.8
"""Passages are cited whose support is at least this share of the best one's."""


def bounds(curve: Array, precision: float) -> tuple[float, float]:
    """The likelihoods from which on, and up to which, verdicts are right in a share of `precision`.

    A point of the curve `[points, 3]` is a likelihood, the share of claims from it on that are supported, and
    of those up to it that are not.
    """
    ticks, others = curve[:, 1] >= precision, curve[:, 2] >= precision
    least = float(curve[ticks, 0].min()) if ticks.any() else np.inf
    most = float(curve[others, 0].max()) if others.any() else -np.inf
    return least, min(most, least)


def summary(finding: Finding) -> list[int]:
    """The passages that a supported claim rests on, or that say otherwise of a contradicted one."""
    found = list(enumerate(finding.passages))
    if finding.label is VerdictLabel.SUPPORTED:
        cited = [place for place, support in found if support.score >= CITED_SHARE * finding.score]
    elif finding.label is VerdictLabel.CONTRADICTED:
        cited = [place for place, support in found if support.contradicts]
    else:
        cited = []
    return sorted(cited, key=lambda place: -finding.passages[place].score)
