"""The systems that are compared: each keeps vectors and finds the nearest by inner product, on one thread.

`efforts` ascend: with a larger one a system looks at more, finds more, and takes longer. A collection of
tieback measures itself how far it has to look; so that it can be compared at equal recall, a graph is also
asked for less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import faiss as _faiss
import numpy as np
from tieback.index.memory.locking import ReadWriteLock
from tieback.index.vectors import one_thread
from tieback.index.vectors.codec_choice import vectors_of
from tieback_contract.arrays import Array
from tieback_contract.method_choice import MethodChoice

faiss: Any = _faiss
AT_ONCE = 8192
LADDER = (4, 8, 12, 16, *range(20, 48, 2), 48, 56, 64, 80, 96, 128, 192, 256, 384, 512, 1024)
BY_ITSELF = (100,)
BREADTHS = (25, 30, 35, *range(38, 62, 3), 65, 70, 80, 90, 100, 120, 150, 200, 400)
"""Of what a collection does by itself, in hundredths."""


class System:
    """A system with the vectors `[n, width]`, which it was made with."""

    efforts: Sequence[int] = LADDER

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """The places of the nearest."""
        raise NotImplementedError


class Tieback(System):
    """The vectors of a collection by a codec, as the index service searches them."""

    def __init__(self, vectors: Array, folder: Path, codec: str, efforts: Sequence[int] = BY_ITSELF) -> None:
        one_thread()
        self.efforts = efforts
        self._store = vectors_of(vectors.shape[1], MethodChoice(codec), folder)
        for begin in range(0, len(vectors), AT_ONCE):
            rows = vectors[begin : begin + AT_ONCE]
            self._store.put(np.arange(begin, begin + len(rows)), rows)
        self._everything = np.ones(len(vectors), bool)
        while self._store.wants_training(len(vectors)):
            self._store.train(ReadWriteLock(), lambda: self._everything)

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        return self._store.current.search(query, limit, self._everything, effort / 100)[0]


class FaissHNSW(System):
    """A graph over float32."""

    efforts = tuple(effort for effort in LADDER if effort >= 16)

    def __init__(self, vectors: Array, folder: Path, links: int = 32) -> None:  # noqa: ARG002 - in memory
        faiss.omp_set_num_threads(1)
        self._index = faiss.IndexHNSWFlat(vectors.shape[1], links, faiss.METRIC_INNER_PRODUCT)
        self._index.hnsw.efConstruction = 80
        self._index.add(vectors)

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        self._index.hnsw.efSearch = effort
        return np.asarray(self._index.search(query[None], limit)[1][0])


class FaissIVF(System):
    """Lists of vectors: of float32, or one byte a dimension."""

    def __init__(self, vectors: Array, folder: Path, bytes_: bool = False) -> None:  # noqa: ARG002
        faiss.omp_set_num_threads(1)
        width, lists = vectors.shape[1], int(4 * len(vectors) ** 0.5)
        self._centres = faiss.IndexFlatIP(width)
        by_product = faiss.METRIC_INNER_PRODUCT
        self._index = (
            faiss.IndexIVFScalarQuantizer(
                self._centres, width, lists, faiss.ScalarQuantizer.QT_8bit, by_product
            )
            if bytes_
            else faiss.IndexIVFFlat(self._centres, width, lists, by_product)
        )
        self._index.cp.niter, self._index.cp.max_points_per_centroid = 8, 40
        self._index.cp.min_points_per_centroid = 1
        drawn = np.random.default_rng(0).choice(len(vectors), min(40 * lists, len(vectors)), replace=False)
        self._index.train(vectors[np.sort(drawn)])
        self._index.add(vectors)

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        self._index.nprobe = effort
        return np.asarray(self._index.search(query[None], limit)[1][0])


class USearch(System):
    """A graph with the library's defaults, over float32."""

    efforts = tuple(effort for effort in LADDER if effort >= 16)

    def __init__(self, vectors: Array, folder: Path) -> None:  # noqa: ARG002 - in memory
        usearch: Any = import_module("usearch.index")  # of the extra "peers", as the next
        self._index = usearch.Index(ndim=vectors.shape[1], metric="ip", dtype="f32")
        for begin in range(0, len(vectors), AT_ONCE):
            rows = vectors[begin : begin + AT_ONCE]
            self._index.add(np.arange(begin, begin + len(rows)), rows, threads=1)

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        self._index.expansion_search = effort
        return np.asarray(self._index.search(query, limit, threads=1).keys, np.int64)


class Lance(System):
    """LanceDB called directly: lists of product-quantised vectors, compared again by float32 on disk."""

    def __init__(self, vectors: Array, folder: Path) -> None:
        import lancedb
        import pyarrow as pa

        width = vectors.shape[1]
        flat = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), width)
        rows = pa.table({"id": np.arange(len(vectors)), "vector": flat})
        self._table: Any = lancedb.connect(str(folder)).create_table("vectors", rows)
        if len(vectors) >= 1000:
            lists = int(4 * len(vectors) ** 0.5)
            self._table.create_index(
                metric="dot", num_partitions=lists, num_sub_vectors=width // 4, index_type="IVF_PQ"
            )

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        asked = self._table.search(query).distance_type("dot").nprobes(effort).refine_factor(10)
        return np.asarray(asked.limit(limit).select(["id"]).to_arrow()["id"])


class MilvusLite(System):
    """Milvus Lite called directly, with lists of float32."""

    def __init__(self, vectors: Array, folder: Path) -> None:
        pymilvus: Any = import_module("pymilvus")
        self._client = pymilvus.MilvusClient(str(folder / "milvus.db"))
        self._client.create_collection(
            "vectors", dimension=vectors.shape[1], metric_type="IP", consistency_level="Strong"
        )
        self._client.release_collection("vectors")
        self._client.drop_index("vectors", "vector")
        for begin in range(0, len(vectors), 2000):
            rows = vectors[begin : begin + 2000]
            self._client.insert("vectors", [{"id": begin + n, "vector": row} for n, row in enumerate(rows)])
        made = self._client.prepare_index_params()
        lists = int(4 * len(vectors) ** 0.5)
        made.add_index("vector", index_type="IVF_FLAT", metric_type="IP", params={"nlist": lists})
        self._client.create_index("vectors", made)
        self._client.load_collection("vectors")

    def search(self, query: Array, limit: int, effort: int) -> Array:
        """See `System`."""
        asked = {"metric_type": "IP", "params": {"nprobe": effort}}
        (found,) = self._client.search("vectors", [query.tolist()], limit=limit, search_params=asked)
        return np.array([hit["id"] for hit in found], np.int64)


SYSTEMS: Mapping[str, Callable[[Array, Path], System]] = {
    "tieback binary": lambda vectors, folder: Tieback(vectors, folder, "binary"),
    "tieback int8": lambda vectors, folder: Tieback(vectors, folder, "int8"),
    "tieback float32": lambda vectors, folder: Tieback(vectors, folder, "float32"),
    "tieback float32, least": lambda vectors, folder: Tieback(vectors, folder, "float32", BREADTHS),
    "tieback float16": lambda vectors, folder: Tieback(vectors, folder, "float16"),
    "faiss HNSW": FaissHNSW,
    "faiss HNSW, 16 links": lambda vectors, folder: FaissHNSW(vectors, folder, 16),
    "faiss IVF": FaissIVF,
    "faiss IVF, bytes": lambda vectors, folder: FaissIVF(vectors, folder, bytes_=True),
    "usearch": USearch,
    "LanceDB": Lance,
    "Milvus Lite": MilvusLite,
}
OWN = tuple(name for name in SYSTEMS if name.startswith("tieback"))
MOST = {"Milvus Lite": 20_000, "faiss HNSW": 300_000, "usearch": 300_000, "faiss HNSW, 16 links": 300_000}
"""Vectors with which a system is still measured: beyond, it takes too long here, or too much memory."""
