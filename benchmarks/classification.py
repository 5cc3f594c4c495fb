"""Measures of decisions between two classes: balanced accuracy and the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.statistics import Interval, bootstrap


def balanced(is_supported: np.ndarray, ticked: np.ndarray) -> Interval:
    """Balanced accuracy with its interval over claims."""
    return bootstrap(len(ticked), lambda places: balanced_accuracy(is_supported[places], ticked[places]))


def balanced_accuracy(own: np.ndarray, found: np.ndarray) -> float:
    """Mean of the shares of right decisions in both classes; NaN where one has no rows."""
    return (share(found[own]) + share(~found[~own])) / 2


def auc(scores: np.ndarray, is_supported: np.ndarray) -> float:
    """Share of pairs in which a supported claim has the higher score; equal scores count a half."""
    own, other = scores[is_supported], scores[~is_supported]
    if not len(own) or not len(other):
        return float("nan")
    higher = (own[:, None] > other).mean() + 0.5 * (own[:, None] == other).mean()
    return float(higher)


def share(chosen: np.ndarray | Sequence[bool]) -> float:
    """Share of the rows that are true; NaN of none."""
    return float(np.mean(chosen)) if len(chosen) else float("nan")


def mean(values: Sequence[float]) -> float:
    """Mean of those that are known; NaN of none."""
    known = [one for one in values if not np.isnan(one)]
    return float(np.mean(known)) if known else float("nan")
