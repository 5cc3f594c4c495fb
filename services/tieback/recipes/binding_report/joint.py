"""Vectors of a bound space, many inputs at once, by the whole binding or by a part of it.

The router serves one input at a time and always the whole; what is measured here compares parts: some paths,
some blocks, one policy against another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import unit_rows
from tieback.methods.routing import _network, routings
from tieback.models.bound_space import BoundPath, BoundRouter, BoundSpace
from tieback.recipes.binding.entering import enter
from tieback.router.graphs import path_graphs, router_graphs
from tieback.router.paths import unit

Blocks = Mapping[str, Array]
"""By block the vectors `[inputs, width]`, unit rows; a row of zeros, or no array, where it did not speak."""


def blocks_of(
    bound: BoundSpace, vectors: Mapping[str, Array], modality: Modality | None = None
) -> dict[str, Array]:
    """What inputs say in each block, from their dense vectors `[inputs, width]` by space.

    A block that several paths lead into has the mean of what they say. A row of zeros says nothing. Where the
    binding has a graph for these spaces, it is computed by that, as it is served. `modality` is what the
    inputs are, which has to be said where encoders of several share a space.
    """
    dense = _read(bound, vectors, modality)
    standing_in = any(path.stands_in and path.source.name in dense for path in bound.paths)
    for graph in path_graphs(bound).values():
        if dense and graph.sources >= dense.keys() and not standing_in:
            return _blocks(bound, graph(dense, len(next(iter(dense.values())))))
    return enter(bound.paths, dense)


def _read(bound: BoundSpace, vectors: Mapping[str, Array], modality: Modality | None) -> dict[str, Array]:
    """Unit rows, bit for bit as the router reads them, less the centres of the modality's encoders.

    Zeros stay zeros.
    """
    found = {}
    for name, rows in vectors.items():
        found[name] = np.stack([unit(row) for row in rows]) if len(rows) else np.asarray(rows, np.float32)
        if modality is not None and modality in (known := bound.centres.get(name, {})):
            found[name] = unit_rows(found[name] - known[modality]) * found[name].any(axis=1, keepdims=True)
    return found


def _blocks(bound: BoundSpace, sums: Array) -> dict[str, Array]:
    found, begin = {}, 0
    for block in bound.blocks:
        rows = sums[:, begin : begin + block.width]
        if rows.any():
            found[block.space.name] = unit_rows(rows)
        begin += block.width
    return found


def weights_of(
    bound: BoundSpace,
    modality: Modality,
    vectors: Mapping[str, Array],
    blocks: Blocks,
    *,
    routed: bool = True,
) -> Array:
    """Weights `[inputs, blocks]` in the order of `bound.blocks`; uniform where the modality has no router.

    Where a space that the router looks at is lost, the weights are those that it gave in the mean at binding.
    """
    names = [block.space.name for block in bound.blocks]
    some = next(iter(vectors.values()))
    present = np.stack(
        [blocks[name].any(axis=1) if name in blocks else np.zeros(len(some), bool) for name in names], axis=1
    )
    router = next((one for one in bound.routers if one.modality is modality), None)
    nothing = np.zeros(present.shape)
    if not routed or router is None:
        return routings.get("uniform")(names, present, nothing)
    if not set(router.inputs) <= set(vectors):
        return routings.configure("explicit", {"weights": dict(router.spoken)})(names, present, nothing)
    policy = routings.configure(router.method, router.parameters)
    return policy(names, present, _router_scores(bound, router, vectors))


def _router_scores(bound: BoundSpace, router: BoundRouter, vectors: Mapping[str, Array]) -> Array:
    """What a learned router's network says, `[inputs, blocks]`; zeros for a router without a network."""
    if not router.state:
        return np.zeros((len(next(iter(vectors.values()))), len(bound.blocks)))
    read = _read(bound, vectors, router.modality)
    seen = np.concatenate([read[name] for name in router.inputs], axis=1)
    graph = router_graphs(bound).get(router.modality)
    return np.asarray(_network.scores(seen, router.state) if graph is None else graph(seen))


def scores(bound: BoundSpace, queries: Blocks, weights: Array, documents: Blocks) -> Array:
    """Σ w_k cosine_k, `[queries, documents]`; a block that either side lacks adds nothing."""
    total: Array | None = None
    for place, block in enumerate(bound.blocks):
        name = block.space.name
        if name in queries and name in documents:
            one = weights[:, place, None] * (queries[name] @ documents[name].T)
            total = one if total is None else total + one
    if total is None:
        count = len(next(iter(documents.values()), np.empty((0, 0))))
        return np.zeros((len(weights), count), np.float32)
    return np.asarray(total)


def part(
    bound: BoundSpace,
    *,
    blocks: Sequence[str] | None = None,
    paths: Callable[[BoundPath], bool] = lambda _path: True,
    lost: str = "",
) -> BoundSpace:
    """The binding with some of its paths: those into `blocks`, that `paths` holds for, not from `lost`.

    Blocks stay, so that routers keep their order; a block that nothing leads into never speaks.
    """
    kept = tuple(
        path
        for path in bound.paths
        if (blocks is None or path.block in blocks) and path.source.name != lost and paths(path)
    )
    return replace(bound, paths=kept, graphs={})
