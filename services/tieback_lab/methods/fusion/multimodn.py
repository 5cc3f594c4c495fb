"""A state that passes through an encoder for each part that is there, and is read after each (MultiModN).

Swamy et al., 2023 (arXiv:2309.14118): s₀ is learned, sₖ = encoderₖ([xₖ ; sₖ₋₁]), and decoders read every
state, so a prediction is there after each part. A missing part is skipped: its encoder is not called, and
nothing about it can be learned, not even that it is missing. The loss is the mean over all states, with
0.7 of the goal and 0.3 · 0.01 of how far the state moves.

The paper's parts come in one order. Here orders are drawn anew in training, and a request chooses its own.
Training skips for each thing, where the released code skips for a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, learned, served

STATE = {
    **shared.SHARED,
    "begin": ("width",),
    "first": ("parts", "joined", "hidden"),
    "bias": ("parts", "hidden"),
    "second": ("parts", "hidden", "width"),
    "second_bias": ("parts", "width"),
}
MOVED = 0.3 * 0.01 / 0.7
"""Weight of the states' movements, beside the goal."""


@fusions.method
def multimodn(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """The last state at length 1, after the parts in their order."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    parts, hidden, joined = len(sizes.parts), 2 * sizes.inner, sizes.inner + sizes.width
    return {
        **shared.start(rows, there, sizes, draw),
        "begin": draw.normal(size=sizes.width).astype(np.float32),
        "first": np.stack([shared.matrix(draw, joined, hidden) for _ in range(parts)]),
        "bias": np.zeros((parts, hidden), np.float32),
        "second": np.stack([shared.matrix(draw, hidden, sizes.width) for _ in range(parts)]),
        "second_bias": np.zeros((parts, sizes.width), np.float32),
    }


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The states after no part, and after each."""
    seen = shared.tokens(xp, rows, there, state)
    now = xp.broadcast_to(state["begin"], (seen.by_part.shape[0], state["begin"].shape[0]))
    # Before any part there is the prior of the classes to learn, and nothing to tell partners by.
    known = [Known(shared.unit(now), shared.every(there[0].any(1)))] if state["decode"].shape[1] else []
    for part in _order(xp, len(rows)):
        has = seen.present[:, part]
        then = xp.where(has[:, None], _encoded(xp, seen.by_part[:, part], now, part, state), now)
        known.append(Known(shared.unit(then), has, MOVED * ((then - now) ** 2).sum(1).mean()))
        now = then
    return known


def step(rows: Array, there: Array, part: int, before: Array | None, state: State) -> Array:
    """The state after one more part: one encoder is called, whatever was before."""
    if before is None:
        before = np.broadcast_to(state["begin"], (len(rows), len(state["begin"])))
    entered = shared.entered_part(rows.astype(np.float32), part, state)
    return np.asarray(_encoded(np, shared.mean(np, entered, there), before, part, state), np.float32)


def _order(xp: Any, parts: int) -> list[int]:
    """The parts in their order; in training, in any."""
    if xp is np or not xp.is_grad_enabled():
        return list(range(parts))
    return [int(one) for one in xp.randperm(parts)]


def _encoded(xp: Any, part: Any, now: Any, number: int, state: Any) -> Any:
    inside = xp.concatenate((part, now), 1) @ state["first"][number] + state["bias"][number]
    return xp.clip(inside, 0.0, None) @ state["second"][number] + state["second_bias"][number]


fit = learned(start, states)
graph = in_torch(states)
