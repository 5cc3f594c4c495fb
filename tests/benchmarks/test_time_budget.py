"""The benchmark of searches by a budget of time, on few vectors."""

import math

import numpy as np
import pytest

from benchmarks.time_budget import measured

pytestmark = pytest.mark.all


async def test_every_budget_has_a_row_and_more_time_finds_more() -> None:
    random = np.random.default_rng(0)
    vectors = random.standard_normal((1500, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    report = await measured(vectors[:-8], vectors[-8:], ["a few words of a text"], (1e-6, 60_000))

    (rows,) = report.tables.values()
    none, much, plain = rows
    assert [row["budget ms"] for row in rows] == [1e-6, 60_000, "as the collection does"]
    assert none["median breadth"] < 1 < math.inf
    assert none["recall@10"] < much["recall@10"] > 0.9
    assert (none["share in time"], much["share in time"]) == (0, 1)
    assert plain["share in time"] == ""
    assert len(report.claims) == 3
