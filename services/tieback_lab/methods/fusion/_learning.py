"""Training of every fusion: classes, or partners of a batch, from things whose parts are dropped at random.

A method's file has `start(rows, there, sizes, draw)`, its arrays, and `states(xp, rows, there, condition,
state)`, what is known of things one after another: the last is what it gives. `learned` makes of these `fit`
and `graph`, and `served` the method.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field
from tieback.core.state import State
from tieback_contract.arrays import Array

from tieback_lab.methods.fusion import Fit, Goal, Graph, Missing, Rows, There
from tieback_lab.methods.fusion._tokens import (
    FIXED,
    Sizes,
    entered_parts,
    every,
    guessed,
    mean,
    policy_sizes,
    unit,
)

if TYPE_CHECKING:
    from torch import Tensor

GUESSING = 0.1
"""Weight of how well missing parts are substituted, beside the goal."""


class Known(NamedTuple):
    """The state of things after some of the parts: unit `vectors` `[n, width]`.

    `counted` `[n]` is where something was learned there. `cost` is a mean to be kept small, as of movements.
    """

    vectors: Any
    counted: Any
    cost: Any = 0.0


States = Callable[..., Sequence[Known]]
Start = Callable[[Rows, There, Sizes, np.random.Generator], dict[str, Array]]
Partners = Callable[[Any, Any, Any, Any], tuple[Any, Any]]
"""Of a module, the data, the plan of a step and its draw: the loss of a batch of groups, and a view of it."""


@dataclass(frozen=True, slots=True)
class _Plan:
    dropout: float
    batch: int
    temperature: float


def served(states: States, rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """Vectors that a method gives."""
    known = states(np, [one.astype(np.float32, copy=False) for one in rows], there, condition, state)
    return np.asarray(known[-1].vectors, np.float32)


def in_torch(states: States) -> Graph:
    """The method in torch."""

    def graph(rows: Any, there: Any, condition: Any, state: Any) -> Any:
        import torch

        return states(torch, rows, there, condition, state)[-1].vectors

    return graph


def learned(
    start: Start,
    states: States,
    missing: Missing = "skip",
    dropout: float = 0.3,
    partners: Partners | None = None,
    batch: int = 64,
    learning_rate: float = 2e-3,
) -> Fit:
    """The `fit` of a method; but for `partners`, these are its own defaults.

    `partners` is what it learns from groups; None for the contrast of two things of each.
    """
    learn_partners = partners or _partners
    own_missing, own_dropout, own_batch, own_rate = missing, dropout, batch, learning_rate

    def fit(
        rows: Rows,
        there: There,
        condition: Array | None,
        goal: Goal,
        *,
        seed: int = 0,
        attempt: Any = None,
        missing: Missing = own_missing,
        dropout: Annotated[float, Field(ge=0, lt=1)] = own_dropout,
        width: Annotated[int, Field(ge=2, le=4096)] = 64,
        inner: Annotated[int, Field(ge=4, le=4096, multiple_of=4)] = 64,
        pool: Annotated[int, Field(ge=1, le=65536)] = 2048,
        steps: Annotated[int, Field(ge=0)] = 400,
        batch: Annotated[int, Field(ge=2)] = own_batch,
        learning_rate: Annotated[float, Field(gt=0)] = own_rate,
        weight_decay: Annotated[float, Field(ge=0)] = 0.05,
        temperature: Annotated[float, Field(gt=0)] = 0.1,
    ) -> State:
        import torch
        from tieback.training.loop import UNKEPT, Plan, train

        widths = [one.shape[2] for one in rows]
        in_pool, links = policy_sizes(missing, len(rows), pool)
        asked = 0 if condition is None else condition.shape[1]
        layers = goal.layers
        inside = layers.into.shape[1] if layers else inner
        sizes = Sizes(widths, inside, width, goal.classes, in_pool, links, asked, layers)
        begun = start(rows, there, sizes, np.random.default_rng(seed))
        module = _module(states, begun)
        data = _Data(rows, there, condition, goal)
        plan = _Plan(dropout, batch, temperature)
        with torch.random.fork_rng():
            torch.manual_seed(seed)  # orders of parts are drawn within the methods
            train(
                module,
                lambda draw: _loss(module, data, plan, draw, learn_partners),
                Plan(steps, learning_rate, weight_decay=weight_decay, look_every=max(steps, 1), seed=seed),
                attempt or UNKEPT,
            )
        return {name: one.detach().numpy().copy() for name, one in module.state.items()}

    return fit


class _Data:
    """Things as tensors, with the members of each group."""

    def __init__(self, rows: Rows, there: There, condition: Array | None, goal: Goal) -> None:
        import torch

        self.rows = [torch.from_numpy(np.asarray(one, np.float32)) for one in rows]
        self.there = [torch.from_numpy(np.asarray(one, bool)) for one in there]
        self.condition = None if condition is None else torch.from_numpy(np.asarray(condition, np.float32))
        self.groups = torch.from_numpy(np.asarray(goal.groups, np.int64))
        self.classes = goal.classes
        self.members = [np.flatnonzero(goal.groups == one) for one in np.unique(goal.groups)]

    def view(self, places: Tensor, dropout: float, draw: Any) -> tuple[Any, Any, Any]:
        """Things with some of their parts dropped, never all."""
        import torch

        there = [one[places] for one in self.there]
        has = torch.stack([one.any(1) for one in there], 1)
        kept = has & (torch.rand(has.shape, generator=draw) >= dropout)
        kept = torch.where(kept.any(1, keepdim=True), kept, has)
        condition = None if self.condition is None else self.condition[places]
        rows = [one[places] for one in self.rows]
        return rows, [one & kept[:, place, None] for place, one in enumerate(there)], condition


def _module(states: States, begun: State) -> Any:
    import torch

    class Fusing(torch.nn.Module):
        """The state that is trained."""

        def __init__(self) -> None:
            super().__init__()
            self.state = torch.nn.ParameterDict(
                {
                    name: torch.nn.Parameter(torch.from_numpy(array.copy()), requires_grad=name not in FIXED)
                    for name, array in begun.items()
                }
            )

        def forward(self, rows: Any, there: Any, condition: Any) -> Sequence[Known]:
            return states(torch, rows, there, condition, dict(self.state.items()))

    return Fusing()


def _loss(module: Any, data: _Data, plan: _Plan, draw: Any, partners: Partners) -> Any:
    total, view = (_of_classes if data.classes else partners)(module, data, plan, draw)
    if module.state["between"].shape[0]:
        total = total + GUESSING * _guessing(module.state, *view[:2])
    return total


def _of_classes(module: Any, data: _Data, plan: _Plan, draw: Any) -> tuple[Any, Any]:
    import torch

    places = torch.randperm(len(data.groups), generator=draw)[: plan.batch]
    view = data.view(places, plan.dropout, draw)
    known = module(*view)
    return _mean(known, [_classes(module.state, one, data.groups[places]) for one in known]), view


def _partners(module: Any, data: _Data, plan: _Plan, draw: Any) -> tuple[Any, Any]:
    sides = drawn_partners(data, plan.batch, draw)
    view = data.view(sides[0], plan.dropout, draw)
    known, others = (module(*one) for one in (view, data.view(sides[1], plan.dropout, draw)))
    return _mean(known, [contrast(one, others[-1].vectors, plan.temperature) for one in known]), view


def drawn_partners(data: _Data, groups: int, draw: Any) -> list[Any]:
    """Places of two things of each of so many groups at most; of the only one twice."""
    import torch

    order = torch.randperm(len(data.members), generator=draw)[:groups].tolist()
    pairs = [_two(data.members[group], draw) for group in order]
    return [torch.tensor(side) for side in zip(*pairs, strict=True)]


def _mean(known: Sequence[Known], losses: Sequence[Any]) -> Any:
    import torch

    return torch.stack(list(losses)).mean() + sum(one.cost for one in known) / len(known)


def _classes(state: Any, known: Known, wanted: Tensor) -> Any:
    """Cross-entropy where something was learned; things without a class, -1, do not count."""
    import torch
    from torch.nn.functional import cross_entropy

    logits = known.vectors @ state["decode"] * state["sharpness"].exp()
    counted = known.counted & (wanted >= 0)
    each = cross_entropy(logits, wanted.clamp_min(0), reduction="none")
    return (each * counted).sum() / torch.clamp(counted.sum(), min=1)


def contrast(known: Known, others: Any, temperature: float) -> Any:
    """Cross-entropy of partners among the batch, both ways, where something was learned."""
    import torch
    from torch.nn.functional import cross_entropy

    scores = known.vectors @ others.T / temperature
    own = torch.arange(len(scores))
    each = cross_entropy(scores, own, reduction="none") + cross_entropy(scores.T, own, reduction="none")
    return (each * known.counted).sum() / torch.clamp(2 * known.counted.sum(), min=1)


def _guessing(state: Any, rows: Any, there: Any) -> Any:
    """Mean square between each part and its substitute, where it is there and another one is too."""
    import torch

    entered = entered_parts(rows, state)
    pooled = torch.stack([mean(torch, one, mask) for one, mask in zip(entered, there, strict=True)], 1)
    has = torch.stack([one.any(1) for one in there], 1)
    both = has & (has.sum(1, keepdim=True) > 1)
    gaps = [
        (guessed(torch, pooled, has, state, place) - pooled[:, place].detach()).square().mean(1)
        * both[:, place]
        for place in range(pooled.shape[1])
    ]
    return torch.stack(gaps).sum() / torch.clamp(both.sum(), min=1)


def _two(members: Array, draw: Any) -> list[int]:
    """Two of a group, or its only one twice."""
    import torch

    order = torch.randperm(len(members), generator=draw)
    return [int(members[order[0]]), int(members[order[min(1, len(order) - 1)]])]


def last(vectors: Any, there: Any) -> list[Known]:
    """The states of a method that has one alone."""
    return [Known(unit(vectors), every(there[0].any(1)))]
