"""Networks that learned alike from several seeds, concatenated, under one head (Cat).

Zhang and Bottou, 2023 (arXiv:2212.07346). Training keeps of what it could know only what its goal needs, and
every seed keeps something else. Concatenated, the networks tell little more about what they were trained for
and much more about what comes later, such as other classes.

Each tower is the parallel network of a seed of its own, `width` divided by the number of towers wide. They
are learned one after another and then held, while the head learns from their concatenation.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods.fusion import Fit, Goal, Rows, There, fusions, parallel
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, in_torch, last, learned, served

TOWERS = 4
STATE = {
    **shared.SHARED,
    "first": ("towers", "joined", "hidden"),
    "bias": ("towers", "hidden"),
    "second": ("towers", "hidden", "tower"),
}
"""The shared arrays are of all towers: `inner` is the sum of their widths."""
EACH = ("first", "bias", "second")
WIDE = ("enter", "part", "pool")


@fusions.method
def cat(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """normalise([tower₁ ; … ; tower_k])."""
    return served(states, rows, there, condition, state)


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:
    """The one state."""
    count = state["first"].shape[0]
    towers = (_tower(state, number, count) for number in range(count))
    made = [parallel.states(xp, rows, there, condition, one)[-1].vectors for one in towers]
    return last(xp.concatenate(tuple(made), 1), there)


def joined(towers: list[State]) -> State:
    """The state of towers side by side, with the mean of what their own heads say as its head."""
    inner, links = towers[0]["enter"].shape[1], towers[0]["between"].shape[0]
    between = np.zeros((links, len(towers) * inner, len(towers) * inner), np.float32)
    for number, one in enumerate(towers):
        own = slice(number * inner, (number + 1) * inner)
        between[:, own, own] = one["between"]
    sharp = [one["decode"] * np.exp(one["sharpness"]) for one in towers]
    sharpness = np.mean([one["sharpness"] for one in towers], axis=0)
    return {
        **towers[0],
        **{name: np.concatenate([one[name] for one in towers], -1) for name in WIDE},
        **{name: np.stack([one[name] for one in towers]) for name in EACH},
        "between": between,
        "decode": np.concatenate(sharp) / np.exp(sharpness) / len(towers) ** 0.5,
        "sharpness": sharpness,
    }


def _tower(state: Any, number: int, count: int) -> Any:
    """The state of one tower, as the parallel network has it."""
    inner = state["enter"].shape[1] // count
    own = slice(number * inner, (number + 1) * inner)
    return {
        **{name: state[name] for name in ("mean", "scale")},
        **{name: state[name][..., own] for name in WIDE},
        **{name: state[name][number] for name in EACH},
        "between": state["between"][:, own, own],
    }


def fit_by(count: int) -> Fit:
    """The `fit` with so many towers."""

    @wraps(parallel.fit)
    def fit(
        rows: Rows,
        there: There,
        condition: Array | None,
        goal: Goal,
        *,
        seed: int = 0,
        attempt: Any = None,
        width: int = 64,
        **others: Any,
    ) -> State:
        if width % count:
            raise InvalidInput(
                f"{count} networks of one width make {width}: give a multiple of {count}",
                field=at("parameters", "width"),
            )
        network: Any = parallel.fit
        one_by_one = [
            network(rows, there, condition, goal, seed=count * seed + number, width=width // count, **others)
            for number in range(count)
        ]
        begun = joined(one_by_one)
        if not goal.classes:
            return begun
        import torch

        held = {name: torch.from_numpy(one) for name, one in begun.items()}

        def still(xp: Any, rows: Any, there: Any, condition: Any, _: Any) -> list[Known]:
            return states(xp, rows, there, condition, held)

        learn_head: Any = learned(lambda *_: dict(begun), still)
        head = learn_head(rows, there, condition, goal, seed=seed, attempt=attempt, width=width, **others)
        return {**begun, "decode": head["decode"], "sharpness": head["sharpness"]}

    return fit


fit = fit_by(TOWERS)
graph = in_torch(states)
