"""Attention over the parts of an item, then over the items of a bundle, learned by contrast at both (CLHE).

Ma et al., 2023 (arXiv:2310.18770). The parts of an item attend to each other, and their mean is the item; a
layer over the items of a bundle, whose order says nothing, gives the bundle. Items and bundles have one
space, so the nearest item completes a bundle. A missing part is substituted from the others.

Row i of each part is of item i, and the mask says which parts an item has; a bundle of one item is that item.
Groups of things are the bundles to learn from: of a bundle without one item, all its items are to be
predicted among those of the batch; two views of an item with other parts dropped are to be near, and so are a
bundle and that bundle with items dropped. With classes they are all that is learned.

The paper's items also have a learned vector each and one of a recommender; here none is known by its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.state import State
from tieback_contract.arrays import Array
from tieback_contract.field_path import at

from tieback_lab.methods._attention import attended, layer, layer_schema, normed
from tieback_lab.methods.fusion import Fit, Rows, There, fusions
from tieback_lab.methods.fusion import _tokens as shared
from tieback_lab.methods.fusion._learning import Known, contrast, in_torch, last, learned, served

MOST_ITEMS = 8
"""Of a bundle in a step of training."""
ITEM_DROPOUT = 0.3
STATE = {
    **shared.SHARED,
    **{f"item_{part}": ("inner", "inner") for part in "qkv"},
    **layer_schema("bundle"),
    "out": ("inner", "width"),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the losses, for bundles: items predicted, contrast of items, contrast of bundles."""

    completion: float = 1.0
    items: float = 0.3
    bundles: float = 0.3


@fusions.method
def clhe(rows: Rows, there: There, condition: Array | None, state: State) -> Array:
    """The bundle of all items, or the item where it is one. All parts need as many rows."""
    for place, mask in enumerate(there):
        if mask.shape[1] != there[0].shape[1]:
            raise InvalidInput(
                f"rows are the items of a bundle: this part has {mask.shape[1]}, the first one "
                f"{there[0].shape[1]}; pad it and say so by its mask",
                field=at("parts", place),
            )
    return served(states, rows, there, condition, state)


def start(rows: Rows, there: There, sizes: shared.Sizes, draw: np.random.Generator) -> dict[str, Array]:
    """The arrays that training begins with."""
    return shared.start_with(STATE, rows, there, sizes, draw)


def states(xp: Any, rows: Any, there: Any, condition: Any, state: Any) -> list[Known]:  # noqa: ARG001
    """The one state."""
    items, has = _items(xp, rows, there, state)
    bundle = shared.mean(xp, layer(xp, items, items, has, state, "bundle"), has)
    alone = shared.mean(xp, items, has)
    return last(xp.where((has.sum(1) > 1)[:, None], bundle, alone) @ state["out"], there)


def _items(xp: Any, rows: Any, there: Any, state: Any) -> tuple[Any, Any]:
    """Items `[n, items, inner]` and which there are `[n, items]`: every item is a thing of one row a part."""
    flat_rows = [one.reshape(-1, 1, one.shape[-1]) for one in rows]
    seen = shared.tokens(xp, flat_rows, [mask.reshape(-1, 1) for mask in there], state)
    has = xp.stack(list(there), 2).any(2)
    # An item that is padding has no part, and its attention would have no weight to give.
    present = seen.present | ~has.reshape(-1, 1)
    parts = normed(seen.by_part)
    mixed, _ = attended(xp, parts, parts, present, state, "item")
    return shared.mean(xp, mixed, present).reshape(*has.shape, -1), has


def fit_by(weights: Weights) -> Fit:
    """The `fit` with other weights of its losses."""

    def bundled(module: Any, data: Any, plan: Any, draw: Any) -> tuple[Any, Any]:
        """The losses of a batch of bundles, and a view of their items."""
        import torch

        order = torch.randperm(len(data.members), generator=draw)[: plan.batch].tolist()
        groups = [_some(data.members[group], draw) for group in order]
        each = torch.cat(groups)
        view = data.view(each, plan.dropout, draw)
        items, others = module(*view)[-1], module(*data.view(each, plan.dropout, draw))[-1]
        filled = torch.zeros(len(groups), max(map(len, groups)), dtype=torch.bool)
        places = torch.zeros(filled.shape, dtype=torch.long)
        for row, group in enumerate(groups):
            filled[row, : len(group)], places[row, : len(group)] = True, group

        def bundles(kept: Any) -> Any:
            rows, there, condition = data.view(places.reshape(-1), plan.dropout, draw)
            shape, kept = (len(groups), -1), torch.where(kept.any(1, keepdim=True), kept, filled)
            there = [(mask & kept.reshape(-1, 1)).reshape(shape) for mask in there]
            return module([one.reshape(*shape, one.shape[2]) for one in rows], there, condition)[-1]

        # Members are in random order, so the first one is any.
        without_one = filled & (torch.arange(filled.shape[1]) > 0)
        without_some = filled & (torch.rand(filled.shape, generator=draw) >= ITEM_DROPOUT)
        asking, whole, thinned = (bundles(one) for one in (without_one, filled, without_some))
        own = torch.repeat_interleave(torch.arange(len(groups)), torch.tensor([len(one) for one in groups]))
        wanted = own == torch.arange(len(groups))[:, None]
        scores = (asking.vectors @ items.vectors.T / plan.temperature).log_softmax(1)
        completion = -((scores * wanted).sum(1) / wanted.sum(1)).mean()
        total = (
            weights.completion * completion
            + weights.items * contrast(items, others.vectors, plan.temperature)
            + weights.bundles * contrast(whole, thinned.vectors, plan.temperature)
        )
        return total, view

    return learned(start, states, missing="substitute", partners=bundled)


def _some(members: Array, draw: Any) -> Any:
    """Members of a bundle in random order."""
    import torch

    return torch.from_numpy(members)[torch.randperm(len(members), generator=draw)[:MOST_ITEMS]]


fit = fit_by(Weights())
graph = in_torch(states)
