"""A memory that takes in one row after another, such as the rounds of a dialogue (SeqDialN).

Yang et al., 2020 (arXiv:2008.00397). Each round of a dialogue becomes one vector, and an LSTM goes over
these vectors in their order, not over tokens. What a round costs does not depend on those before, and what
must be kept of them are two vectors. A part may come again: it is the next round.

In training the parts come in any order, each with its rows in theirs, and the loss is the mean of what is
known after every row. The paper's co-attention of a round and the picture is left to the encoders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import ROUNDS, Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, learned, served

STATE = {
    **shared.SHARED,
    "begin": ("two", "width"),
    "enter_gates": ("inner", "gates"),
    ROUNDS: ("width", "gates"),
    "bias_gates": ("gates",),
}
REMEMBERS = 1.0
"""Of the gate that forgets, at the beginning: it lets through what was known."""


@fusions.method
def lstm(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """The output after the last row of the last part, at length 1."""
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    bias = np.zeros((4, sizes.width), np.float32)
    bias[1] = REMEMBERS
    return {
        **shared.start(rows, there, sizes, draw),
        "begin": 0.1 * shared.matrix(draw, 2, sizes.width),
        "enter_gates": shared.matrix(draw, sizes.inner, 4 * sizes.width),
        ROUNDS: shared.matrix(draw, sizes.width, 4 * sizes.width),
        "bias_gates": bias.reshape(-1),
    }


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The last state; in training, those after each row before it."""
    seen = shared.tokens(xp, rows, there, state)
    if xp is np:
        return [Known(shared.unit(_after(seen.rows, seen.there, None, state)[0]), seen.there.any(1))]
    if not xp.is_grad_enabled():
        return _in_turn(xp, seen.rows, seen.there, state)[-1:]
    rank = xp.randperm(len(rows))
    order = xp.argsort(rank[xp.tensor(seen.part)], stable=True)
    return _in_turn(xp, seen.rows[:, order], seen.there[:, order], state)


def step(rows: Array, there: Array, part: int, before: Array | None, state: State) -> Array:
    """The output and the memory after these rows of a part, side by side: `[things, 2 · width]`."""
    known = None if before is None else np.split(before, 2, axis=1)
    entered = shared.entered_part(rows.astype(np.float32), part, state)
    return np.concatenate(_after(entered, there, known, state), axis=1).astype(np.float32)


def _after(rows: Array, there: Array, known: Any, state: State) -> tuple[Array, Array]:
    """Output and memory `[n, width]` each, of rows `[n, rows, inner]` where they are there."""
    if known is None:
        known = (np.broadcast_to(one, (len(rows), len(one))) for one in state["begin"])
    output, memory = known
    given = rows @ state["enter_gates"] + state["bias_gates"]
    for place in range(rows.shape[1]):
        enter, keep, new, show = np.split(given[:, place] + output @ state[ROUNDS], 4, axis=1)
        then = _gate(keep) * memory + _gate(enter) * np.tanh(new)
        has = there[:, place, None]
        output, memory = np.where(has, _gate(show) * np.tanh(then), output), np.where(has, then, memory)
    return output, memory


def _gate(values: Array) -> Array:
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * values))


def _in_turn(torch: Any, rows: Any, there: Any, state: Any) -> list[Known]:
    """The states after each row, and the last one of each thing. Rows that are not there come last."""
    count = there.sum(1)
    numbers = torch.arange(rows.shape[1], device=rows.device)
    order = torch.argsort(numbers + rows.shape[1] * ~there, dim=1)
    given = torch.gather(rows, 1, order[..., None].expand(-1, -1, rows.shape[2]))
    begin = state["begin"][:, None].expand(-1, rows.shape[0], -1).contiguous()
    weights = [state["enter_gates"].T, state[ROUNDS].T, state["bias_gates"], 0 * state["bias_gates"]]
    outputs = torch.lstm(
        given, (begin[:1], begin[1:]), weights, True, 1, 0.0, torch.is_grad_enabled(), False, True
    )[0]
    last = torch.gather(outputs, 1, (count - 1).clamp_min(0)[:, None, None].expand(-1, 1, outputs.shape[2]))[
        :, 0
    ]
    end = Known(shared.unit(last), there.any(1))
    if not torch.is_grad_enabled():
        return [end]
    each = [Known(shared.unit(outputs[:, place]), place < count) for place in range(outputs.shape[1])]
    return [*each, end]


fit = learned(start, states)
graph = in_torch(states)
