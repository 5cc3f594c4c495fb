"""Which graphs of a binding compute the same as the methods on this processor.

A processor without instructions for 8-bit products may compute them wrongly. There, the methods are used.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.joint.projecting import project_inputs
from tieback.methods.projection import unit_rows
from tieback.methods.routing._network import scores
from tieback.models.joint.artifact import BoundRouter, JointSpaceArtifact, SpaceBlock
from tieback.models.joint.graphs import (
    PROJECTIONS,
    ROUTER,
    ProjectionGraph,
    RouterGraph,
    graph_name,
    projection_graph,
    router_graph,
)

SMALLEST_COSINE = 0.999
"""Between the vectors of a graph and of the methods, in a block."""
LARGEST_DIFFERENCE = 0.01
"""Between the scores, 0 to 1, of a router's graph and of its network."""
TRIED = 16

_log = logging.getLogger(__name__)


def projection_graphs(bound: JointSpaceArtifact) -> dict[Modality, ProjectionGraph]:
    """By modality, where the artifact has one and it can be trusted; a warning says where it cannot."""
    found = {}
    for modality in Modality:
        stored = bound.graphs.get(graph_name(PROJECTIONS, modality))
        if stored is None:
            continue
        graph = projection_graph(stored)
        cosine = agreement(bound, graph)
        if cosine >= SMALLEST_COSINE:
            found[modality] = graph
        else:
            _log.warning(
                "projections of %s are computed by their methods, several times as slowly: on this processor "
                "their graph gives other vectors (cosine %.4f)",
                modality,
                cosine,
            )
    return found


def router_graphs(bound: JointSpaceArtifact) -> dict[Modality, RouterGraph]:
    """By modality, where the artifact has one for its router and it can be trusted."""
    found = {}
    for router in bound.routers:
        stored = bound.graphs.get(graph_name(ROUTER, router.modality))
        if stored is not None:
            graph = router_graph(stored)
            if router_difference(router, graph) <= LARGEST_DIFFERENCE:
                found[router.modality] = graph
    return found


def router_difference(router: BoundRouter, graph: RouterGraph) -> float:
    """The largest difference between graph and network, over random inputs."""
    draw = np.random.default_rng(0)
    vectors = unit_rows(draw.normal(size=(TRIED, router.state["first"].shape[0])))
    return float(np.abs(graph(vectors) - scores(vectors, router.state)).max())


def by_block(blocks: Sequence[SpaceBlock], sums: Array) -> dict[str, Array]:
    """Unit rows by block of sums `[n, joint width]`, without the blocks that nothing was projected into."""
    ends = np.cumsum([block.width for block in blocks])
    parts = np.split(sums, ends[:-1], axis=1)
    return {
        block.space.name: unit_rows(rows) for block, rows in zip(blocks, parts, strict=True) if rows.any()
    }


def agreement(bound: JointSpaceArtifact, graph: ProjectionGraph) -> float:
    """The least cosine between graph and methods, over random vectors and blocks."""
    draw = np.random.default_rng(0)
    widths = {one.source.name: one.source_width for one in bound.projections}
    dense = {name: unit_rows(draw.normal(size=(TRIED, widths[name]))) for name in sorted(graph.sources)}
    by_graph = by_block(bound.blocks, graph(dense, TRIED))
    in_graph = [one for one in bound.projections if one.source.name in dense and not one.imputes]
    by_methods = project_inputs(in_graph, dense)
    if by_graph.keys() != by_methods.keys():
        return 0.0
    cosines = [float((rows * by_graph[name]).sum(axis=1).min()) for name, rows in by_methods.items()]
    return min(cosines, default=1.0)
