import numpy as np
import pytest

from benchmarks.milvus import KINDS, claim, compare
from benchmarks.report import Report

pytestmark = pytest.mark.all

WORDS = [
    "harbour",
    "light",
    "keeper",
    "storm",
    "lamp",
    "tower",
    "rock",
    "tide",
    "boat",
    "rope",
    "stairs",
    "oil",
]


@pytest.mark.timeout(200)
async def test_both_stores_are_filled_and_asked_the_same() -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, 8)) for _ in range(60)]
    vectors = draw.normal(size=(64, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    written, found = await compare(texts, vectors[:60], texts[:4], vectors[60:])
    report = Report()
    claim(found, report)

    assert [row["store"] for row in written] == ["embedded", "Milvus Lite"]
    assert [row["query"] for row in found] == list(KINDS)
    assert all(row["same hits"] == 1 and row["same score"] < 1e-4 for row in found)
    assert found[0]["Milvus recall@10"] == found[0]["embedded recall@10"] == 1
    assert all(one.met for one in report.claims)


def test_a_store_that_finds_something_else_does_not_meet_its_claims() -> None:
    row = {"same hits": 0.5, "same score": 0.1}
    report = Report()

    claim([{"query": "vector", "Milvus recall@10": 0.9, **row}], report)

    assert [one.met for one in report.claims] == [False, False, False]
