"""The hot vectors of a collection: similarity search in memory.

Vectors live at positions that the collection assigns and reuses. All similarities are inner products. How
they are found is a structure, how they are kept is a codec (`methods/codecs/`), and what comes of both is
said in `codec_choice.py`:

    flat.py       float32, all compared
    ivf.py        float32 or half precision in inverted files of faiss; of one list, all are compared
    hnsw.py       float32 or half precision in a graph, with what waits to be added (`hnsw_vectors.py`)
    coded.py      rows of any other codec, all compared or those of lists of positions (`position_lists.py`)
    growing.py    changes the structure or the codec as vectors become many
    regions.py    the vectors of the parts of photos, and the nearest sections by these and their wholes
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import faiss as _faiss
from tieback_contract.arrays import Array

faiss: Any = _faiss  # its stubs leave out what its Python wrapper adds

Structure = Literal["none", "lists", "graph"]
"""What candidates are found by: without one, every vector is compared."""


class Vectors(Protocol):
    """Vectors in one structure, by one codec."""

    def put(self, positions: Array, vectors: Array) -> None:
        """Sets `vectors` `[n, width]` at `positions` `[n]`; new ones ascend and follow the highest so far."""
        ...

    def remove(self, positions: Array) -> None:
        """Forgets positions; they may be put again."""
        ...

    def take(self, positions: Array) -> Array:
        """The vectors `[n, width]`, float32, at positions that hold one."""
        ...

    def search(self, query: Array, limit: int, allowed: Array, breadth: float = 1.0) -> tuple[Array, Array]:
        """The nearest allowed positions and their similarities, best first; `allowed` is a mask.

        Looks at `breadth` times as many lists or candidates as by itself; all where it is `EVERY`.
        """
        ...

    def similarities(self, query: Array, allowed: Array) -> tuple[Array, Array]:
        """The allowed positions, in any order, and their similarities: of each, with one scan."""
        ...

    @property
    def exact(self) -> bool:
        """Whether a search looks at every allowed vector."""
        ...

    @property
    def structure(self) -> Structure:
        """What a search finds candidates by; a filter or a breadth may still have all compared."""
        ...

    @property
    def resident_bytes(self) -> int:
        """Bytes of the vectors in memory."""
        ...


def one_thread() -> None:
    """Keeps faiss on the calling thread: searches share the machine by being many, not by being wide."""
    faiss.omp_set_num_threads(1)
