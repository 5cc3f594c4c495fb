"""What the benchmark of many vectors makes and measures."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from tieback_contract.arrays import Array

from benchmarks.report import Report
from benchmarks.scale import claim
from benchmarks.scaling import measure, service
from benchmarks.scaling.systems import SYSTEMS
from benchmarks.scaling.vectors import more_of, nearest, short_texts, texts_of

pytestmark = pytest.mark.all

WIDTH, COUNT, LIMIT = 16, 2000, 10


def unit(count: int, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    vectors = np.random.default_rng(99).standard_normal((30, WIDTH))[rng.integers(0, 30, count)]
    vectors = vectors + 0.5 * rng.standard_normal((count, WIDTH))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    vectors, queries = unit(COUNT), unit(30, seed=1)
    np.save(tmp_path / "vectors.npy", vectors)
    np.save(tmp_path / "queries.npy", queries)
    np.save(tmp_path / "nearest.npy", nearest(vectors, queries, LIMIT))
    (tmp_path / "texts.json").write_text(json.dumps(short_texts(["some words to be found"] * 5, 50)))
    return tmp_path


def test_more_vectors_lie_about_as_far_from_their_neighbours_as_the_known_ones() -> None:
    known = unit(500)

    made = more_of(known, 1500)

    def distance(vectors: Array) -> float:
        similarities = vectors @ known.T
        similarities[similarities > 0.9999] = -1  # itself
        return float(np.arccos(similarities.max(axis=1)).mean())

    assert np.array_equal(made[:500], known)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    assert 0.5 * distance(known) < distance(made[500:]) < 2 * distance(known)
    assert len(np.unique(made, axis=0)) == 1500


def test_nearest_are_the_exact_ones() -> None:
    vectors, queries = unit(COUNT), unit(5, seed=1)

    assert np.array_equal(nearest(vectors, queries, LIMIT), np.argsort(-(queries @ vectors.T), 1)[:, :LIMIT])


def test_texts_are_cut_and_each_is_there_once(tmp_path: Path) -> None:
    for name, texts in (("cranfield", ["word " * 60, "short"]), ("retrieval/adi", ["short", "word " * 90])):
        path = tmp_path / name / "documents.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(json.dumps({"text": text}) for text in texts))

    assert texts_of(tmp_path) == [" ".join(["word"] * 48), "short"]


@pytest.mark.parametrize("name", ["tieback binary", "tieback float32", "faiss HNSW", "faiss IVF", "LanceDB"])
def test_a_system_is_measured_where_it_finds_enough(name: str, folder: Path) -> None:
    row = measure.measured(name, folder)

    assert row["recall@10"] >= measure.LEAST_RECALL
    assert 0 < row["p50 CPU ms"] <= row["p99 CPU ms"]
    assert row["build CPU s"] > 0


@pytest.mark.parametrize("codec", ["binary", "float16"])
def test_the_service_is_filled_and_started_again(folder: Path, codec: str) -> None:
    filled = asyncio.run(service.fill(folder, codec))
    started = asyncio.run(service.start(folder, codec))

    assert filled["sections"] == COUNT
    assert filled["upserts a second"] > 0
    assert started["start CPU s"] > 0
    assert started["recall@10"] > 0.95


def test_a_table_that_was_written_at_once_is_started_as_any_other(folder: Path) -> None:
    codec = "binary"
    written = asyncio.run(service.bulk(folder, codec))
    asyncio.run(service.sort(folder, codec))
    started = asyncio.run(service.start(folder, codec))

    assert written["sections"] == COUNT
    assert started["recall@10"] > 0.95


def test_claims_compare_with_the_fastest_that_finds_enough() -> None:
    rows = [
        {"system": "tieback binary", "recall@10": 0.98, "p50 CPU ms": 2.0},
        {"system": "slow", "recall@10": 0.98, "p50 CPU ms": 4.0},
        {"system": "bad", "recall@10": 0.5, "p50 CPU ms": 0.1},
    ]
    report = Report()

    claim(rows, [], report)

    found = {one.name.partition(": ")[2]: one for one in report.claims}
    assert found["p50 of processor time, of the fastest other's"].value == 0.5
    assert found["p50 of processor time, of the fastest other's"].note == "slow"
    assert all(one.met for one in report.claims)
    assert set(SYSTEMS) > {"tieback binary", "Milvus Lite"}
