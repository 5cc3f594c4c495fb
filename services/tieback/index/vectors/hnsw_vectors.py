"""Vectors by position that are searched by a graph.

What is written is not in the graph at first: it is pending, and compared with each query, until a thread
beside the searches has added it. What is removed or replaced stays in the graph as a node that leads on but
is not found. With a filter, or after removals, a search finds as many more nodes as it takes to have enough
of those that count: nodes are found by their distance alone, so none that passes is left out for one that
is farther. Where that takes longer than comparing all that pass, it compares these.
"""

from __future__ import annotations

import math

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.room import grown
from tieback.index.vectors import Structure
from tieback.index.vectors.hnsw import Graph
from tieback.index.vectors.learned_state import Fingerprints, fingerprints
from tieback.index.vectors.neighbours import Efforts
from tieback.methods.vector_search import EVERY

_NOWHERE = -1
_COMPARED_AN_EFFORT = 18  # vectors that are compared in the time that a search takes for each of its effort
_MORE = 1.5  # nodes that are found for each that should pass; where that is not enough,
_WIDER = 4  # so many times as many are, as long as comparing all that pass takes longer


class GraphVectors:
    """`Vectors`. Changed under the collection's lock for writing, read under it."""

    exact = False
    structure: Structure = "graph"

    def __init__(self, graph: Graph, efforts: Efforts, width: int) -> None:
        """Its nodes have no position yet: see `claim`."""
        self.graph, self.efforts = graph, efforts
        self.living = 0
        """Nodes that have a position."""
        self.pending = 0
        """Vectors that are not in the graph."""
        self.known: Fingerprints | None = None
        """Nodes by the rows that they wait for; None where all that can come are there."""
        self._position = np.full(len(graph), _NOWHERE, np.int64)  # by node
        self._node = np.zeros(0, np.int32)  # by position
        self._place = np.zeros(0, np.int32)  # by position: where its pending vector is
        self._waiting = np.zeros((0, width), np.float32)  # pending vectors, from `_begin` to `_end`
        self._waiting_position = np.zeros(0, np.int32)
        self._begin = self._end = 0

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`. Links and places are among them."""
        own = self._position, self._node, self._place, self._waiting, self._waiting_position
        known = 0 if self.known is None else self.known.bytes
        return self.graph.bytes + known + sum(one.nbytes for one in own)

    @property
    def alive(self) -> Array:
        """The mask of the nodes that have a position."""
        return np.asarray(self._position[: len(self.graph)] >= 0)

    def positions(self, nodes: Array) -> Array:
        """Those of living nodes."""
        return np.asarray(self._position[nodes])

    def claim(self, nodes: Array, positions: Array, vectors: Array | None = None) -> None:
        """Gives nodes without one a position; where there are `vectors`, also these."""
        if not len(nodes):
            return
        if vectors is not None:
            self.graph.rows()[nodes] = vectors
        self._fit(positions)
        self._position[nodes], self._node[positions] = positions, nodes
        self.living += len(nodes)

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`. They are pending, but for those whose node waits for them."""
        self.remove(positions)
        vectors = vectors.astype(self.graph.kind, copy=False)
        if self.known is not None:
            nodes = self.known.claimed(fingerprints(vectors))
            there = nodes >= 0
            self.claim(nodes[there], positions[there], vectors[there])
            positions, vectors = positions[~there], vectors[~there]
        if self._end + len(positions) > len(self._waiting):
            self._make_room(len(positions))
        begin, self._end = self._end, self._end + len(positions)
        self._waiting[begin : self._end] = vectors
        self._waiting_position[begin : self._end] = positions
        self._place[positions] = np.arange(begin, self._end)
        self.pending += len(positions)

    def remove(self, positions: Array) -> None:
        """See `Vectors`."""
        self._fit(positions)
        nodes, places = self._node[positions], self._place[positions]
        nodes, places = nodes[nodes != _NOWHERE], places[places != _NOWHERE]
        if len(nodes):
            self._position[nodes] = _NOWHERE
            self.living -= len(nodes)
            self._waiting_position[places] = _NOWHERE
        self.pending -= len(places)
        self._node[positions] = self._place[positions] = _NOWHERE

    def next_pending(self, most: int) -> tuple[Array, int]:
        """Pending vectors `[n, width]`, the oldest, and what tells `add_pending` which they are."""
        end = min(self._begin + most, self._end)
        there = np.flatnonzero(self._waiting_position[self._begin : end] != _NOWHERE)
        return self._waiting[self._begin + there], end

    def add_pending(self, end: int) -> None:
        """Adds those to the graph which `next_pending` gave. Under the lock for writing."""
        there = self._begin + np.flatnonzero(self._waiting_position[self._begin : end] != _NOWHERE)
        positions, first = self._waiting_position[there], len(self.graph)
        self.graph.add(self._waiting[there])
        self._position = grown(self._position, len(self.graph), _NOWHERE)
        self._place[positions] = _NOWHERE
        self.claim(np.arange(first, first + len(there)), positions)
        self.pending -= len(there)
        self._begin = end
        if end == self._end:  # none is left: their room is taken back
            self._begin = self._end = 0
            self._waiting = np.zeros((0, self._waiting.shape[1]), np.float32)
            self._waiting_position = np.zeros(0, np.int32)

    def take(self, positions: Array) -> Array:
        """See `Vectors`."""
        nodes = self._node[positions]
        in_graph = nodes != _NOWHERE
        found = np.empty((len(positions), self._waiting.shape[1]), np.float32)
        found[in_graph] = self.graph.rows()[nodes[in_graph]]
        if not in_graph.all():
            found[~in_graph] = self._waiting[self._place[positions[~in_graph]]]
        return found

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """See `Vectors`."""
        wanted, nodes = int(np.count_nonzero(allowed)), len(self.graph)
        all_count = self.living == nodes and wanted == nodes + self.pending
        most = limit if all_count else math.ceil(_MORE * limit * nodes / max(min(wanted, nodes), 1))
        while breadth != EVERY:
            effort = self._effort(most, breadth)
            if _COMPARED_AN_EFFORT * effort >= wanted:
                break
            found, similarities = self.graph.search(query, most, effort)
            positions = self._position[found]
            if not all_count:
                there = np.flatnonzero(_passing(positions, allowed))[:limit]
                positions, similarities = positions[there], similarities[there]
            if len(positions) == limit:
                best = positions, similarities
                return best if not self.pending else _best(best, self._pending(query, allowed), limit)
            most *= _WIDER
        return self._compared(query, limit, allowed)

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """See `Vectors`."""
        every = self._position[: len(self.graph)]
        nodes = np.flatnonzero(_passing(every, allowed))
        positions = every[nodes]
        if 2 * len(nodes) > len(self.graph):
            similarities = self.graph.similarities(query)[nodes]
        else:
            similarities = self.graph.similarities(query, nodes)
        others = self._pending(query, allowed)
        return np.concatenate((positions, others[0])), np.concatenate((similarities, others[1]))

    def _effort(self, limit: int, breadth: float) -> int:
        return max(math.ceil(breadth * self.efforts.effort(limit)), limit)

    def _compared(self, query: Array, limit: int, allowed: Array) -> tuple[Array, Array]:
        """All that are allowed."""
        positions, similarities = self.similarities(query, allowed)
        if len(positions) > limit:
            likely = np.argpartition(-similarities, limit - 1)[:limit]
            positions, similarities = positions[likely], similarities[likely]
        order = np.argsort(-similarities, kind="stable")
        return positions[order], similarities[order]

    def _pending(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """The pending ones that are allowed, and their similarities."""
        positions = self._waiting_position[self._begin : self._end]
        similarities = self._waiting[self._begin : self._end] @ query
        there = _passing(positions, allowed)
        return positions[there].astype(np.int64), similarities[there]

    def _make_room(self, count: int) -> None:
        """For so many more pending ones; what was added to the graph makes room."""
        there = slice(self._begin, self._end)
        size = self._end - self._begin
        room = size + count + max(size // 4, 256)
        waiting = np.zeros((room, self._waiting.shape[1]), np.float32)
        positions = np.full(room, _NOWHERE, np.int32)
        waiting[:size], positions[:size] = self._waiting[there], self._waiting_position[there]
        self._waiting, self._waiting_position = waiting, positions
        living = np.flatnonzero(positions[:size] != _NOWHERE)
        self._place[positions[living]] = living
        self._begin, self._end = 0, size

    def _fit(self, positions: Array) -> None:
        size = int(positions.max(initial=-1)) + 1
        self._node, self._place = (grown(one, size, _NOWHERE) for one in (self._node, self._place))


def _passing(positions: Array, allowed: Array) -> Array:
    """Which positions are allowed; nowhere, and what the mask does not know, is not."""
    known = (positions >= 0) & (positions < len(allowed))
    return np.asarray(known & allowed[np.where(known, positions, 0)])


def _best(found: tuple[Array, Array], others: tuple[Array, Array], limit: int) -> tuple[Array, Array]:
    positions, similarities = (np.concatenate(pair) for pair in zip(found, others, strict=True))
    order = np.argsort(-similarities, kind="stable")[:limit]
    return positions[order], similarities[order]
