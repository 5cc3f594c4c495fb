"""A network for each part, added by trusts: no part moves the sum by more than its trust (contextual fusion).

Akumalla, Haney and Bazhenov, 2020 (arXiv:2011.09526): an object and its background are seen by networks of
their own, and an attack on one has to overrule the other. Each part's head gives a unit vector, which is
trained by itself too, so the weight of a part in the sum is its trust, however far its rows are moved. The
trusts are learned, and decay to equal ones.

The paper joins features of two networks in one layer, and leans it to one of them against a known adversary.
It trains on ImageNet and Places; here heads stand on rows of any frozen encoders. A part is skipped where it
is missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, last, learned, served

STATE = {
    **shared.SHARED,
    "first": ("parts", "inner", "hidden"),
    "bias": ("parts", "hidden"),
    "second": ("parts", "hidden", "width"),
    "trust": ("parts",),
}


@fusions.method
def contextual(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(Σ trustₚ · normalise(headₚ(xₚ))) over the parts that are there."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with: equal trusts, which `trust` holds as logarithms."""
    parts, hidden = len(sizes.parts), 2 * sizes.inner
    return {
        **shared.start(rows, there, sizes, draw),
        "first": np.stack([shared.matrix(draw, sizes.inner, hidden) for _ in range(parts)]),
        "bias": np.zeros((parts, hidden), np.float32),
        "second": np.stack([shared.matrix(draw, hidden, sizes.width) for _ in range(parts)]),
        "trust": np.zeros(parts, np.float32),
    }


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """What each part says alone, and then all together."""
    seen = shared.tokens(xp, rows, there, state)
    said = [_said(xp, seen.by_part[:, part], part, state) for part in range(len(rows))]
    weights = _shares(xp, seen.present, state)
    whole = sum(one * weights[:, part, None] for part, one in enumerate(said))
    alone = [Known(one, seen.present[:, part]) for part, one in enumerate(said)]
    return [*alone, *last(whole, there)]


def trusts(present: Array, state: State) -> Array:
    """The weights of the parts in the sum."""
    return np.asarray(_shares(np, present, state))


def _shares(xp: Any, present: Any, state: Any) -> Any:
    weights = present * xp.exp(state["trust"])
    return weights / weights.sum(1)[:, None]


def _said(xp: Any, part: Any, number: int, state: Any) -> Any:
    inside = part @ state["first"][number] + state["bias"][number]
    return shared.unit(xp.clip(inside, 0.0, None) @ state["second"][number])


fit = learned(start, states)
graph = in_torch(states)
