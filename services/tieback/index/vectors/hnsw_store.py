"""Vectors of float32, or in half precision, of which many are searched by a graph.

Few are compared all. From some number on they are made a graph (`index/vectors/hnsw.py`), beside searches and
writes, and what is written later is added to it, some vectors at a time: a search waits for milliseconds. The
links are kept in the folder of the collection's table, with a number for each node by the content of its row.
So a start makes none of them again, and no version or position has to agree: a row finds its node, and a node
whose row is gone leads nowhere. A graph of which too much was removed is made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array

from tieback.artifacts import Kind
from tieback.core.errors import InvalidInput, StorageFull
from tieback.core.state import Schema
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.memory.unused_memory import give_back
from tieback.index.vectors import FlatVectors, InvertedVectors, Vectors
from tieback.index.vectors.hnsw import QUERIES, Efforts, Graph
from tieback.index.vectors.hnsw_vectors import GraphVectors
from tieback.index.vectors.ivf_store import CurrentVectors
from tieback.index.vectors.learned_state import LISTS, Fingerprints, LearnedState, fingerprints
from tieback.methods.codecs import LARGEST_HALF

GRAPH_FROM = 5_000
"""Up to so many vectors comparing all takes about as long as a graph."""

VECTOR_GRAPH = Kind("vector-graph", "graph of vectors", 1, "the vectors are made a graph again")

_SCHEMA: Schema = {
    "levels": ("nodes",),
    "neighbours": ("links",),
    "entry": ("one",),
    "rows": ("nodes",),
}
_MOST_GONE = 0.25  # of the nodes
_GROWTH_BEFORE_MEASURING = 2.0
_GROWTH_BEFORE_KEEPING, _GROWTH_BEFORE_KEEPING_AMID = 1.1, 1.5  # the second while more is added
_PENDING = 1024  # vectors that are compared with every query before they are added
_AT_ONCE, _FEWEST = 1024, 4  # vectors that are added while nobody, or everybody, waits
_WAIT = 0.005  # seconds that searches wait for vectors that are added
_NONE = 0  # the number of a node whose row is gone

_log = logging.getLogger(__name__)


class GraphedVectors(CurrentVectors):
    """`StoredVectors` of any number."""

    def __init__(self, width: int, folder: Path, flat_up_to: int = GRAPH_FROM, *, half: bool = False) -> None:
        self._width, self._half, self._flat_up_to = width, half, flat_up_to
        self._moved: set[int] | None = None  # positions written while a graph is being made
        self._kept = LearnedState(folder, _SCHEMA, kind=VECTOR_GRAPH, within=LISTS)
        self._kept_nodes = 0
        self._known: Fingerprints | None = None  # nodes by their rows, until these are there
        self.current: Vectors = self._taken_over() or self._flat()

    @property
    def resident_bytes(self) -> int:
        """See `Vectors`."""
        return self.current.resident_bytes + (0 if self._known is None else self._known.bytes)

    @property
    def trained_on(self) -> int:
        """See `StoredVectors`. A graph is no codec."""
        return 0

    def reserve(self, count: int) -> None:
        """See `StoredVectors`. Nothing is on a disk."""

    def put(self, positions: Array, vectors: Array) -> None:
        """See `Vectors`."""
        if self._half:  # what is beyond the largest is infinite in half precision
            vectors = np.clip(vectors, -LARGEST_HALF, LARGEST_HALF).astype(np.float16).astype(np.float32)
        if self._known is not None and isinstance(self.current, GraphVectors):
            self.current.remove(positions)
            nodes = self._known.claimed(fingerprints(self._as_kept(vectors)))
            there = nodes >= 0
            self.current.claim(nodes[there], positions[there], vectors[there])
            positions, vectors = positions[~there], vectors[~there]
        if len(positions):
            self.current.put(positions, vectors)
            self._note(positions)

    def wants_training(self, count: int) -> bool:
        """See `StoredVectors`. Whether there should be a graph, another one, or more in it.

        Also whether what only a start needs is still there.
        """
        if self._moved is not None:
            return False
        if self._known is not None:
            return True
        if isinstance(self.current, GraphVectors):
            return self.current.pending >= _PENDING or self._is_worn(self.current, count)
        return count > self._flat_up_to

    def train(self, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """See `StoredVectors`. Takes minutes for a million; a search waits for milliseconds."""
        with lock.writing():
            self._known = None  # all rows that a start finds are there
            positions = np.flatnonzero(living())
            if not self.wants_training(len(positions)):
                return
            known = self.current if isinstance(self.current, GraphVectors) else None
            if known is not None and self._is_worn(known, len(positions)):
                known = None
            self._moved = set()
        try:
            made = known or self._made(positions, lock, living)
            if known is None:
                self._kept_nodes = 0
                self._swap_in(made, lock, living)
            try:
                self._add_pending(made, lock, living)
            finally:  # also where it is stopped
                self._keep(made, lock, 1 if known is None else _GROWTH_BEFORE_KEEPING)
        finally:
            with lock.writing():
                self._moved = None
            give_back()  # the vectors as they were searched before, and what was measured with

    def _is_worn(self, graph: GraphVectors, count: int) -> bool:
        """Whether so much is gone of a graph that it should be made anew; not where few are left."""
        gone = len(graph.graph) - graph.living
        return count > self._flat_up_to and gone > _MOST_GONE * len(graph.graph)

    def _made(self, positions: Array, lock: ReadWriteLock, living: Callable[[], Array]) -> GraphVectors:
        """A graph of vectors that are there, but for those by which it was measured."""
        order = np.random.default_rng(0).permutation(positions)
        count = min(QUERIES, len(order) // 4)
        queries, _ = self._there(order[:count], lock, living)
        graph, nodes = Graph(self._width, half=self._half), []
        for begin in range(count, len(order), _AT_ONCE):
            vectors, positions = self._there(order[begin : begin + _AT_ONCE], lock, living)
            graph.add(vectors)
            nodes.append(positions)
        efforts = graph.measured(queries)
        made = GraphVectors(graph, efforts, self._width)
        made.claim(np.arange(len(graph)), np.concatenate(nodes))
        return made

    def _there(
        self, positions: Array, lock: ReadWriteLock, living: Callable[[], Array]
    ) -> tuple[Array, Array]:
        """The vectors of those positions that still have one, and these."""
        with lock.reading():
            there = positions[living()[positions]]
            return self.current.take(there), there

    def _swap_in(self, made: GraphVectors, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Searches by the graph from now on. What it lacks and what was written meanwhile is pending."""
        with lock.writing():
            moved = np.array(sorted(self._moved or ()), np.int64)
            made.remove(moved)
            alive = living()
            lacking = alive.copy()
            nodes = np.flatnonzero(made.alive)
            lacking[made.positions(nodes)] = False
            positions = np.flatnonzero(lacking)
            made.put(positions, self.current.take(positions))
            self.current = made

    def _add_pending(self, made: GraphVectors, lock: ReadWriteLock, living: Callable[[], Array]) -> None:
        """Adds what is pending, with as much time between as it takes; measures again what has grown."""
        most = _FEWEST
        while made.pending:
            with lock.reading():
                living()  # ends the work where it is not wanted any more
                has_grown = len(made.graph) > _GROWTH_BEFORE_MEASURING * made.efforts.measured_with
                queries = made.next_pending(QUERIES if has_grown else 0)[0]
            if len(queries):
                made.efforts = made.graph.measured(queries)
            self._keep(made, lock, _GROWTH_BEFORE_KEEPING_AMID)
            with lock.writing():
                begun = time.perf_counter()
                made.add_pending(made.next_pending(most)[1])
                taken = time.perf_counter() - begun
            most = min(max(int(most * min(_WAIT / max(taken, 1e-6), 2.0)), _FEWEST), _AT_ONCE)
            time.sleep(taken)

    def _flat(self) -> Vectors:
        return InvertedVectors(self._width, half=True) if self._half else FlatVectors(self._width)

    def _as_kept(self, vectors: Array) -> Array:
        return vectors.astype(np.float16 if self._half else np.float32, copy=False)

    def _taken_over(self) -> GraphVectors | None:
        """The graph that was kept; its nodes wait for their rows."""
        if (found := self._kept.load(self._width)) is None:
            return None
        facts: Mapping[str, int] = found.facts
        if bool(facts["half"]) != self._half or facts["width"] != self._width:
            return None
        try:
            graph = Graph.linked(self._width, found.arrays, half=self._half)
        except InvalidInput as error:
            _log.error("a graph of vectors is dropped, and made again: %s", error.message)
            return None
        self._known, self._kept_nodes = Fingerprints(found.arrays["rows"]), len(graph)
        return GraphVectors(graph, Efforts(facts["few"], facts["many"], facts["measured_with"]), self._width)

    def _keep(self, made: GraphVectors, lock: ReadWriteLock, growth: float) -> None:
        """Keeps a graph that has grown so much. What cannot be kept is made again at the next start."""
        if len(made.graph) < growth * self._kept_nodes:
            return
        self._kept_nodes = len(made.graph)
        numbers = np.full(len(made.graph), _NONE, np.int64)
        for begin in range(0, len(numbers), _AT_ONCE):
            with lock.reading():
                numbers[begin : begin + _AT_ONCE] = fingerprints(made.graph.rows()[begin : begin + _AT_ONCE])
        with lock.reading():
            numbers[~made.alive] = _NONE
        efforts = made.efforts
        facts = {"few": efforts.few, "many": efforts.many, "measured_with": efforts.measured_with}
        try:
            self._kept.save(
                {**made.graph.links(), "rows": numbers}, {**facts, "half": self._half, "width": self._width}
            )
        except (OSError, StorageFull) as error:
            if not self._kept.is_gone:
                _log.warning(
                    "a graph of vectors was not kept, and is made again at the next start: %s", error
                )
