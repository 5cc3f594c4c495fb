"""The weights that a query's blocks get, as a router gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tieback.core.types.arrays import Array
from tieback.methods.projection import unit_rows
from tieback.methods.routing import _network, routings
from tieback.models.bound_space import BoundRouter
from tieback.recipes.binding.entering import Dense


def router_input(router_inputs: Sequence[str], dense: Dense, widths: Mapping[str, int]) -> Array:
    """What a router reads: the unit vectors of its spaces side by side, zeros for one that said nothing."""
    count = len(next(iter(dense.values())))
    return np.concatenate(
        [
            unit_rows(dense[name]) if name in dense else np.zeros((count, widths[name]), np.float32)
            for name in router_inputs
        ],
        axis=1,
    )


def weigh(
    router: BoundRouter | None,
    dense: Dense,
    widths: Mapping[str, int],
    blocks: Sequence[str],
    spoken: Mapping[str, Array],
) -> dict[str, Array]:
    """Weights `[inputs]` by block, summing to 1 over those that spoke; without a router all alike."""
    count = len(next(iter(dense.values())))
    present = np.stack(
        [spoken[name].any(axis=1) if name in spoken else np.zeros(count, bool) for name in blocks], axis=1
    )
    if router is None:
        weights = routings.get("uniform")(blocks, present, np.zeros(present.shape))
    else:
        scores = np.zeros(present.shape, np.float32)
        if router.state:
            scores = _network.scores(router_input(router.inputs, dense, widths), router.state)
        weights = routings.configure(router.method, router.parameters)(blocks, present, scores)
    return {name: weights[:, place] for place, name in enumerate(blocks)}
