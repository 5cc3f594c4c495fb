"""The weights of a query's blocks, as a router gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.joint.projecting import Dense
from tieback.methods.projection import unit_rows
from tieback.methods.routing import RoutingPolicy, _network, routings
from tieback.models.joint.artifact import BoundRouter
from tieback.models.joint.graphs import RouterGraph


def router_input(router_inputs: Sequence[str], dense: Dense, widths: Mapping[str, int]) -> Array:
    """What a router reads: the unit vectors of its spaces side by side, zeros for a missing one."""
    count = len(next(iter(dense.values())))
    return np.concatenate(
        [
            unit_rows(dense[name]) if name in dense else np.zeros((count, widths[name]), np.float32)
            for name in router_inputs
        ],
        axis=1,
    )


def mean_policy(mean_weights: Mapping[str, float]) -> RoutingPolicy:
    """The policy for an input of which a router can read nothing: the mean weights at binding."""
    if not any(weight > 0 for weight in mean_weights.values()):
        return routings.configure("uniform")
    return routings.configure("explicit", {"weights": dict(mean_weights)})


def block_weights(
    router: BoundRouter | None,
    dense: Dense,
    widths: Mapping[str, int],
    blocks: Sequence[str],
    projected: Mapping[str, Array],
    graph: RouterGraph | None = None,
) -> dict[str, Array]:
    """Weights `[inputs]` by block, summing to 1 over the present blocks; without a router all alike.

    `projected` are the rows by block; `graph` computes what the router's network does.
    """
    count = len(next(iter(dense.values())))
    present = np.stack(
        [projected[name].any(axis=1) if name in projected else np.zeros(count, bool) for name in blocks],
        axis=1,
    )
    scores = np.zeros(present.shape, np.float32)
    if router is None:
        policy = routings.configure("uniform")
    elif router.mean_weights and router.inputs and not any(name in dense for name in router.inputs):
        policy = mean_policy(router.mean_weights)
    else:
        policy = routings.configure(router.method, router.parameters)
        if router.state:
            vectors = router_input(router.inputs, dense, widths)
            scores = _network.scores(vectors, router.state) if graph is None else graph(vectors)
    weights = policy(blocks, present, scores)
    return {name: weights[:, place] for place, name in enumerate(blocks)}
