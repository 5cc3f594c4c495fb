"""Many vectors of float32, or in half precision, become a graph (`index/vectors/hnsw.py`).

It is made beside searches and writes, and what is written later is added to it, some vectors at a time: a
search waits for milliseconds. The links are kept in the folder of the collection's table, with a number for
each node by the content of its row. So a start makes none of them again, and no version or position has to
agree: a row finds its node, and a node whose row is gone leads nowhere. A graph of which too much was removed
is made anew.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from tieback.artifacts import Kind
from tieback.core.errors import InvalidInput
from tieback.core.state import Schema
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.memory.unused_memory import give_back
from tieback.index.vectors import Vectors
from tieback.index.vectors.growing import Work
from tieback.index.vectors.hnsw import Graph
from tieback.index.vectors.hnsw_vectors import GraphVectors
from tieback.index.vectors.learned_state import LISTS, Fingerprints, LearnedState, fingerprints
from tieback.index.vectors.neighbours import QUERIES, Efforts

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


class IntoGraph:
    """A `Growth`: a graph where there is none, another one, or more in it. Minutes for a million."""

    def __init__(self, width: int, folder: Path, *, half: bool) -> None:
        self._width, self._half = width, half
        self._kept = LearnedState(folder, _SCHEMA, kind=VECTOR_GRAPH, within=LISTS)
        self._kept_nodes = 0

    def taken_over(self) -> GraphVectors | None:
        """The graph that was kept, if one was; its nodes wait for their rows."""
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
        self._kept_nodes = len(graph)
        efforts = Efforts(facts["few"], facts["many"], facts["measured_with"])
        made = GraphVectors(graph, efforts, self._width)
        made.known = Fingerprints(found.arrays["rows"])
        return made

    def is_due(self, current: Vectors, count: int, flat_up_to: int) -> bool:
        """See `Growth`. Also where what only a start needs is still there."""
        if isinstance(current, GraphVectors):
            is_grown = current.known is not None or current.pending >= _PENDING
            return is_grown or _is_worn(current, count, flat_up_to)
        return count > flat_up_to

    def take(self, work: Work) -> None:
        """See `Growth`. A search waits for milliseconds."""
        lock, count, flat_up_to = work.lock, len(work.positions), work.store.flat_up_to
        graph = _graph_of(work.store.current)
        if graph is not None:
            with lock.writing():
                graph.known = None  # all rows that a start finds are there
            if not self.is_due(graph, count, flat_up_to):
                return
            if _is_worn(graph, count, flat_up_to):
                graph = None
        try:
            made = graph or self._made(work)
            if graph is None:
                self._kept_nodes = 0
                work.become(made)
            try:
                _add_pending(made, work, self._keep)
            finally:  # also where it is stopped
                self._keep(made, lock, 1 if graph is None else _GROWTH_BEFORE_KEEPING)
        finally:
            give_back()  # the vectors as they were searched before, and what was measured with

    def _made(self, work: Work) -> GraphVectors:
        """A graph of vectors that are there; those by which it was measured are pending."""
        order = np.random.default_rng(0).permutation(work.positions)
        count = min(QUERIES, len(order) // 4)
        queries, held_out = work.read(order[:count])
        graph, nodes = Graph(self._width, half=self._half), []
        for begin in range(count, len(order), _AT_ONCE):
            vectors, positions = work.read(order[begin : begin + _AT_ONCE])
            graph.add(vectors)
            nodes.append(positions)
        made = GraphVectors(graph, graph.measured(queries), self._width)
        made.claim(np.arange(len(graph)), np.concatenate(nodes))
        ascending = np.argsort(held_out)
        made.put(held_out[ascending], queries[ascending])
        return made

    def _keep(self, made: GraphVectors, lock: ReadWriteLock, growth: float) -> None:
        """Keeps a graph that has grown so much."""
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
        self._kept.save_if_possible(
            {**made.graph.links(), "rows": numbers},
            {**facts, "half": self._half, "width": self._width},
            what="a graph of vectors was",
        )


def _add_pending(
    made: GraphVectors, work: Work, keep: Callable[[GraphVectors, ReadWriteLock, float], None]
) -> None:
    """Adds what is pending, with as much time between as it takes; measures again what has grown."""
    lock, most = work.lock, _FEWEST
    while made.pending:
        with lock.reading():
            work.living()  # ends the work where it is not wanted any more
            has_grown = len(made.graph) > _GROWTH_BEFORE_MEASURING * made.efforts.measured_with
            queries = made.next_pending(QUERIES if has_grown else 0)[0]
        if len(queries):
            made.efforts = made.graph.measured(queries)
        keep(made, lock, _GROWTH_BEFORE_KEEPING_AMID)
        with lock.writing():
            begun = time.perf_counter()
            made.add_pending(made.next_pending(most)[1])
            taken = time.perf_counter() - begun
        most = min(max(int(most * min(_WAIT / max(taken, 1e-6), 2.0)), _FEWEST), _AT_ONCE)
        time.sleep(taken)


def _graph_of(current: Vectors) -> GraphVectors | None:
    return current if isinstance(current, GraphVectors) else None


def _is_worn(graph: GraphVectors, count: int, flat_up_to: int) -> bool:
    """Tell whether so much is gone of a graph that it should be made anew; not where few are left."""
    gone = len(graph.graph) - graph.living
    return count > flat_up_to and gone > _MOST_GONE * len(graph.graph)
