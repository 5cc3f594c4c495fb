"""Questions that several plans are asked in turns, and what one of them has more than another.

All plans are asked a question before the next one, so that what disturbs the machine disturbs them alike. A
plan that has used up its time is asked no more; the others go on.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from benchmarks.pipeline.judged import Question
from benchmarks.statistics import Interval, paired

T = TypeVar("T")
FEWEST = 8
"""Questions that each plan is asked, however long they take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to ask: arguments of `Client.retrieve`. `is_slow` plans get limited time.

    `words` plans are asked of `Client.search` by the words alone.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    is_slow: bool = False
    words: bool = False


def ask_in_turns(
    questions: Sequence[Question],
    plans: Sequence[Plan],
    ask: Callable[[Question, Plan], T | None],
    seconds: Callable[[Plan], float] = lambda _: math.inf,
    fewest: int = FEWEST,
) -> dict[str, dict[str, T]]:
    """Results of each plan, by question; `ask` gives None where a plan is not asked it.

    A plan that has taken its `seconds` is asked no more than the `fewest`.
    """
    found: dict[str, dict[str, T]] = {plan.name: {} for plan in plans}
    spent = dict.fromkeys(found, 0.0)
    for question in questions:
        for plan in plans:
            done = found[plan.name]
            if spent[plan.name] > seconds(plan) and len(done) >= fewest:
                continue
            begun = time.perf_counter()
            if (one := ask(question, plan)) is not None:
                done[question.id] = one
            spent[plan.name] += time.perf_counter() - begun
    return found


def mean(found: Mapping[str, T], measure: Callable[[T], float]) -> float:
    """The mean of a measure over the questions."""
    return float(np.mean([measure(one) for one in found.values()]))


def more(found: Mapping[str, T], other: Mapping[str, T], measure: Callable[[T], float]) -> Interval:
    """The mean of a measure less that of the other, over the questions that the first was asked."""
    both = np.array([(measure(one), measure(other[name])) for name, one in found.items()])
    return paired(both[:, 0], both[:, 1])
