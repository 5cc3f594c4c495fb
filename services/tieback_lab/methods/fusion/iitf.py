"""Identity and text as one sequence, and a shallow branch used at random in stage 2 (EchoVideo's IITF).

EchoVideo, 2025 (arXiv:2501.13452). What tells who it is also tells what is copied, such as a pose. So the
deep rows of an identity and those of a text attend to each other as one sequence, which is learned alone in
stage 1. In stage 2 the shallow rows, which have more of the identity and of all else, are added with
probability `KEPT` for each thing, and the sequence cannot leave its work to them. When served they are
always added.

The last part is the shallow one, the others are the sequence. A thing that has no other part keeps it in
both stages. The paper conditions a generator of video; here a vector for any goal is learned, and the
encoders stay as they are.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods._attention import layer, layer_schema
from tieback_lab.methods.fusion import Fit, Goal, Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, States, in_torch, last, learned, served

KEPT = 0.5
"""Of things in stage 2, the share whose shallow part is read."""
STATE = {
    **shared.SHARED,
    "whole": ("one", "inner"),
    **layer_schema("joint"),
    "out": ("inner", "width"),
    "shallow": ("inner", "width"),
}


@fusions.method
def iitf(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise(W layer([whole ; identity ; text]) + V shallow)."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    begun = shared.start_with(STATE, rows, there, sizes, draw)
    # Stage 2 begins where stage 1 ended, and what the branch passes on is what it learned.
    return {**begun, "shallow": np.zeros_like(begun["shallow"])}


def states_by(kept: float) -> States:
    """The one state, with the shallow part of such a share of things in training."""

    def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
        seen = shared.tokens(xp, rows, there, state)
        has = xp.stack([mask.any(1) for mask in there], 1)
        replaced = seen.present & ~has
        whole = xp.broadcast_to(state["whole"], (has.shape[0], *state["whole"].shape))
        parts = (whole, *shared.entered_parts(rows, state)[:-1], seen.by_part[:, :-1])
        masks = (shared.every(has[:, :1]), *there[:-1], replaced[:, :-1])
        read, mask = xp.concatenate(parts, 1), xp.concatenate(masks, 1)
        read = layer(xp, read[:, :1], read, mask, state, "joint")
        used = seen.present[:, -1:] & _drawn(xp, has, kept)
        return last(read[:, 0] @ state["out"] + used * (seen.by_part[:, -1] @ state["shallow"]), there)

    return states


def fit_by(kept: float) -> Fit:
    """The `fit` with another share in stage 2."""
    first: Any = learned(start, states_by(0.0))

    @wraps(first)
    def fit(
        rows: Rows,
        there: There,
        condition: Array | None,
        goal: Goal,
        *,
        seed: int = 0,
        attempt: Any = None,
        steps: int = 400,
        **others: Any,
    ) -> State:
        begun = first(rows, there, condition, goal, seed=seed, steps=steps // 2, **others)
        second: Any = learned(lambda *_: dict(begun), states_by(kept))
        left = steps - steps // 2
        state: State = second(rows, there, condition, goal, seed=seed, attempt=attempt, steps=left, **others)
        return state

    return fit


def _drawn(xp: Any, has: Any, kept: float) -> Any:
    """Things `[n, 1]` whose shallow part is read; all but in training, where each is drawn anew."""
    alone = ~has[:, :-1].any(1)[:, None]
    if xp is np or not xp.is_grad_enabled():
        return shared.every(alone)
    return alone | (xp.rand(alone.shape) < kept)


states = states_by(1.0)
fit = fit_by(KEPT)
graph = in_torch(states)
