"""The space projections of a binding as one ONNX graph per modality, and each of its routers as one.

A graph holds the `graph` forms of the projections' methods, traced from torch.
`recipes/graphs/integer_products.py` makes it read less memory than the methods do one after the other. A
router is a graph of its own, since another binding's router may be tried over the same projections. Graph and
methods are compared on random vectors before the graph is kept.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from tieback_contract.modality import Modality
from torch import Tensor

from tieback.core.errors import StartupError
from tieback.core.state import State
from tieback.joint.graphs import LARGEST_DIFFERENCE, SMALLEST_COSINE, agreement, router_difference
from tieback.methods.projection import GRAPH, Tensors, projections
from tieback.methods.routing import _network
from tieback.models.joint.artifact import NATIVE, BoundProjection, BoundRouter, JointSpaceArtifact
from tieback.models.joint.graphs import (
    PROJECTIONS,
    ROUTER,
    SCORES,
    SUMS,
    VECTORS,
    ProjectionGraph,
    RouterGraph,
    graph_name,
)
from tieback.recipes.graphs.integer_products import LARGE, with_integer_products
from tieback.recipes.graphs.torch_export import export_module

ROWS = "n"
EXAMPLES = 3


def export_graphs(bound: JointSpaceArtifact, sources: Mapping[Modality, Sequence[str]]) -> dict[str, bytes]:
    """The graphs by their names: of the projections from the `sources` of each modality, and of the routers.

    A modality whose projections hold no large matrix has none; they are computed by their methods. So are
    projections that impute. StartupError where a graph differs from the methods.
    """
    found = {}
    for modality, names in sources.items():
        chosen = [one for one in bound.projections if one.source.name in names and not one.imputes]
        if any(map(_is_large, chosen)):
            graph = projection_graph(bound, chosen)
            _compare_projections(graph, bound, modality)
            found[graph_name(PROJECTIONS, modality)] = graph
    for router in bound.routers:
        if router.state and router.state["first"].size >= LARGE:
            graph = router_graph(router)
            _compare_router(graph, router)
            found[graph_name(ROUTER, router.modality)] = graph
    return found


def projection_graph(bound: JointSpaceArtifact, chosen: Sequence[BoundProjection]) -> bytes:
    """From vectors by space to the sums of the projected vectors in every block."""
    widths = {projection.source.name: projection.source_width for projection in chosen}
    forms = [
        None
        if projection.method == NATIVE
        else projections.form(GRAPH, projection.method, projection.parameters)
        for projection in chosen
    ]

    def sums(dense: Sequence[Tensor], states: Sequence[Tensors]) -> Tensor:
        vectors = dict(zip(widths, dense, strict=True))
        # A missing space adds nothing to any block.
        present = {name: rows.abs().amax(dim=1, keepdim=True).sign() for name, rows in vectors.items()}
        projected: dict[str, list[Tensor]] = {}
        for projection, form, state in zip(chosen, forms, states, strict=True):
            rows = vectors[projection.source.name]
            found = rows if form is None else form(rows, state) * present[projection.source.name]
            projected.setdefault(projection.block, []).append(found)
        blocks = []
        for block in bound.blocks:
            # A block that nothing is projected into has as many rows of zeros as there are inputs.
            first, *others = projected.get(block.space.name) or [
                dense[0][:, :1] * torch.zeros(1, block.width)
            ]
            blocks.append(sum(others, start=first))
        return torch.cat(blocks, dim=1)

    return _traced(sums, [projection.state for projection in chosen], widths, SUMS)


def router_graph(router: BoundRouter) -> bytes:
    """From vectors side by side to the blocks' scores."""

    def scores(vectors: Sequence[Tensor], states: Sequence[Tensors]) -> Tensor:
        return _network.graph(vectors[0], states[0])

    return _traced(scores, [router.state], {VECTORS: router.state["first"].shape[0]}, SCORES)


class _Computing(torch.nn.Module):
    """A function of inputs and states as a module whose weights are the states."""

    def __init__(
        self, compute: Callable[[Sequence[Tensor], Sequence[Tensors]], Tensor], states: Sequence[State]
    ) -> None:
        super().__init__()
        self._compute = compute
        self._names = [{key: f"state_{number}_{key}" for key in state} for number, state in enumerate(states)]
        for names, state in zip(self._names, states, strict=True):
            for key, name in names.items():
                array = np.ascontiguousarray(state[key], np.float32)
                self.register_buffer(name, torch.from_numpy(array.copy()))

    def forward(self, *inputs: Tensor) -> Tensor:
        """Rows of each input to rows of the output."""
        states = [{key: self.get_buffer(name) for key, name in names.items()} for names in self._names]
        return self._compute(inputs, states)


def _traced(
    compute: Callable[[Sequence[Tensor], Sequence[Tensors]], Tensor],
    states: Sequence[State],
    inputs: Mapping[str, int],
    output: str,
) -> bytes:
    """The graph of a function of rows; `inputs` are widths by name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "graph.onnx"
        export_module(
            _Computing(compute, states),
            [torch.eye(EXAMPLES, width) for width in inputs.values()],
            file,
            inputs=list(inputs),
            outputs=[output],
            dynamic={name: {0: ROWS} for name in (*inputs, output)},
        )
        model = with_integer_products(onnx.load(file))
    return bytes(model.SerializeToString(deterministic=True))


def _is_large(projection: BoundProjection) -> bool:
    return any(array.size >= LARGE for array in projection.state.values())


def _compare_projections(graph: bytes, bound: JointSpaceArtifact, modality: Modality) -> None:
    cosine = agreement(bound, ProjectionGraph(graph))
    if not cosine >= SMALLEST_COSINE:
        raise StartupError(
            f"the graph of the projections of {modality} differs from their methods: in a block, by a cosine "
            f"of {cosine:.4f}. Please report the versions of numpy, onnx, onnxruntime and torch"
        )


def _compare_router(graph: bytes, router: BoundRouter) -> None:
    difference = router_difference(router, RouterGraph(graph))
    if not difference <= LARGEST_DIFFERENCE:
        raise StartupError(
            f"the graph of the router for {router.modality} differs from its network by {difference:.2g}. "
            "Please report the versions of numpy, onnx, onnxruntime and torch"
        )
