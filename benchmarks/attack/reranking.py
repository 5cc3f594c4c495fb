"""Attacks on Rerank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback.v1 import report_pb2, reranker_pb2, vector_pb2

from benchmarks.attack import good
from benchmarks.attack.attack import Attack, Outcome, Scene, at_once

RERANK = "RerankerService/Rerank"


def source(count: int, width: int, seed: int = 0) -> reranker_pb2.RerankSource:
    """Token vectors of no text."""
    values = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    spans = vector_pb2.ByteSpans(begin_bytes=[0] * count, end_bytes=[1] * count)
    return reranker_pb2.RerankSource(
        multi_vector=vector_pb2.MultiVector(space=good.PLACE, values=good.tensor(values), byte_spans=spans)
    )


def request(candidates: int, query: int, size: int, width: int, method: report_pb2.Method | None) -> bytes:
    """A request of such sizes."""
    return reranker_pb2.RerankRequest(
        query=source(query, width),
        candidates=[
            reranker_pb2.RerankCandidate(id=str(place), source=source(size, width, place))
            for place in range(candidates)
        ],
        method=method,
    ).SerializeToString()


async def vectors(scene: Scene) -> Sequence[Outcome]:
    """15,000 × 15,000 tokens of one number each."""
    return [await scene.call(RERANK, request(1, 15_000, 15_000, 1, None))]


async def transport(scene: Scene) -> Sequence[Outcome]:
    """Six requests of 40 kB with 2,000 iterations."""
    method = report_pb2.Method(name="optimal_transport")
    method.parameters.update({"iterations": 2000})
    asked = request(32, 128, 128, 1, method)
    return await at_once(scene.call(RERANK, asked) for _ in range(6))


ATTACKS = (
    Attack("token vectors", "Rerank of 15,000 × 15,000 token vectors, 120 kB", vectors, good="rerank"),
    Attack(
        "optimal transport",
        "six Reranks of 40 kB with 2,000 iterations",
        transport,
        may_answer=True,
        good="rerank",
        good_seconds=2.0,
    ),
)
