"""The ONNX graphs of a binding: one for the space projections of a modality, one for each router.

They are stored with the artifact (`recipes/graphs/router.py` makes them). A graph computes the same as the
methods, but reads each input once and has large matrices in 8 bits.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.models.session import Session

PROJECTIONS, ROUTER = "projections", "router"
SUMS, SCORES, VECTORS = "sums", "scores", "vectors"
"""Names of the output of a graph of projections, and of the output and the input of a router's."""


def graph_name(kind: str, modality: Modality) -> str:
    """The name of the graph in the artifact, for instance "projections.text"."""
    return f"{kind}.{modality.value}"


class ProjectionGraph:
    """Projects the dense vectors of one modality into the blocks, as sums over all projections."""

    def __init__(self, graph: bytes) -> None:
        self._session = Session(graph)
        self.sources = frozenset(self._session.inputs)
        self._absent = {
            name: np.zeros((1, width), np.float32) for name, width in self._session.widths.items()
        }

    def __call__(self, dense: Mapping[str, Array], count: int) -> Array:
        """Sums of unit vectors `[count, joint width]` from vectors `[count, width]` by space.

        Rows are unit or zeros; zeros, and a space without rows, add nothing.
        """
        inputs = {}
        for name, missing in self._absent.items():
            rows = dense.get(name)
            inputs[name] = rows if rows is not None else missing if count == 1 else missing.repeat(count, 0)
        sums: Array = self._session.run((SUMS,), inputs)[0]
        return sums


class RouterGraph:
    """The network of a learned router."""

    def __init__(self, graph: bytes) -> None:
        self._session = Session(graph)

    def __call__(self, vectors: Array) -> Array:
        """Scores `[n, blocks]`, 0 to 1, of vectors side by side `[n, width]`."""
        scores: Array = self._session.run((SCORES,), {VECTORS: vectors})[0]
        return scores


@functools.lru_cache(maxsize=16)
def projection_graph(graph: bytes) -> ProjectionGraph:
    """The graph, loaded once: evaluations ask for the same one again and again."""
    return ProjectionGraph(graph)


@functools.lru_cache(maxsize=16)
def router_graph(graph: bytes) -> RouterGraph:
    """The graph, loaded once."""
    return RouterGraph(graph)
