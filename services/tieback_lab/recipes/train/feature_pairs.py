"""What is trained with a feature table by pairs: its vectors, and a projection of those of a thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tieback.training.loop import Attempt, History, Plan, batch, train
from tieback.training.ranks import ranks
from tieback.training.splits import Split
from tieback_contract.arrays import Array
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from tieback_lab.methods.feature_tables._many_values import Lookups, looked_up
from tieback_lab.training.data.feature_lines import Thing


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows of the table and their width, the lookups of each feature, the width of the vectors."""

    size: int
    width: int
    lookups_of: Mapping[str, int]
    vector: int

    @property
    def slots(self) -> int:
        """Rows of one thing, one after another."""
        return sum(self.lookups_of.values())


class Things:
    """Things with their lookups, of which any may be taken."""

    def __init__(self, things: Sequence[Thing], shape: Shape, seed: int) -> None:
        found = looked_up(things, shape.lookups_of, shape.size, seed)
        order = np.argsort(found.things, kind="stable")
        self._sorted = Lookups(*(column[order] for column in found))
        self._ends = np.searchsorted(self._sorted.things, np.arange(len(things) + 1))
        names = {thing: place for place, thing in enumerate(dict.fromkeys(_key(one) for one in things))}
        self.same = np.array([names[_key(one)] for one in things])
        """A number for each thing, which equal ones share."""

    def of(self, places: Array) -> Lookups:
        """Those of the things at these places, which are numbered from 0."""
        parts = [np.arange(self._ends[place], self._ends[place + 1]) for place in places]
        chosen = np.concatenate(parts)
        things = np.repeat(np.arange(len(places)), [len(part) for part in parts])
        return Lookups(things, *(column[chosen] for column in self._sorted[1:]))


class FeatureVectors(nn.Module):
    """The table, and the projection of what is looked up."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._slots, self._width = shape.slots, shape.width
        self.table = nn.Parameter(torch.randn(shape.size, shape.width) / shape.width**0.5)
        read = shape.slots * shape.width
        self.projection = nn.Parameter(torch.randn(shape.vector, read) / read**0.5)

    def forward(self, lookups: Lookups, count: int) -> Tensor:
        """Unit vectors `[count, vector]` of `count` things."""
        places = torch.from_numpy(lookups.things * self._slots + lookups.slots)
        rows = self.table[torch.from_numpy(lookups.rows)] * torch.from_numpy(lookups.weights)[:, None]
        flat = rows.new_zeros(count * self._slots, self._width).index_add(0, places, rows)
        return normalize(flat.view(count, -1) @ self.projection.T, dim=1)

    @torch.no_grad()
    def vectors(self, things: Things, places: Array) -> Array:
        """Those of the things at these places, as an array."""
        found: Tensor = self(things.of(places), len(places))
        return np.asarray(found.numpy())


def learned(
    left: Things,
    right: Things,
    parts: Split,
    shape: Shape,
    plan: Plan,
    attempt: Attempt,
    *,
    pairs: int,
    temperature: float,
) -> tuple[dict[str, Array], dict[str, Array], History]:
    """The arrays after training and before it, and how it went. Thing i of both sides are a pair.

    A step learns from `pairs` of the pairs.
    """
    torch.manual_seed(plan.seed)
    model = FeatureVectors(shape)
    before = arrays_of(model)

    def loss(draw: torch.Generator) -> Tensor:
        chosen = parts.training[batch(len(parts.training), pairs, draw).numpy()]
        scores = model(left.of(chosen), len(chosen)) @ model(right.of(chosen), len(chosen)).T / temperature
        # What equals the partner is no wrong answer: another pair of the batch may have the same thing.
        own = torch.arange(len(chosen))
        losses = []
        for side, found in ((right, scores), (left, scores.T)):
            numbers = torch.from_numpy(side.same[chosen])
            equal = (numbers[:, None] == numbers[None]) & (own[:, None] != own[None])
            losses.append(cross_entropy(found.masked_fill(equal, -torch.inf), own))
        return torch.stack(losses).mean()

    history = train(
        model,
        loss,
        plan,
        attempt,
        validate=lambda: float((1 / places_of_partners(model, left, right, parts.validation)).mean()),
    )
    return arrays_of(model), before, history


def places_of_partners(model: FeatureVectors, left: Things, right: Things, pairs: Array) -> Array:
    """Where in the ranking of all different right sides of the `pairs` each one's own stands, from 1."""
    _, first, own = np.unique(right.same[pairs], return_index=True, return_inverse=True)
    scores = model.vectors(left, pairs) @ model.vectors(right, pairs[first]).T
    return ranks(scores, own)


def arrays_of(model: FeatureVectors) -> dict[str, Array]:
    """A copy of the arrays as they are now."""
    return {name: one.detach().numpy().copy() for name, one in model.state_dict().items()}


def with_arrays(shape: Shape, arrays: Mapping[str, Array]) -> FeatureVectors:
    """The model with these arrays."""
    model = FeatureVectors(shape)
    model.load_state_dict({name: torch.from_numpy(one) for name, one in arrays.items()})
    return model


def _key(thing: Thing) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(sorted(thing.items()))
