"""What the benchmark of learned codes makes of texts and vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tieback_contract.arrays import Array

from benchmarks.learned_codes import QUERIES, choices, claim, collections, measured
from benchmarks.report import Report

pytestmark = pytest.mark.all

WIDTH = 32


def unequal(count: int) -> Array:
    """Unit vectors with most of their variance in few dimensions: signs waste bits on the others."""
    rows = np.random.default_rng(0).standard_normal((count, WIDTH)) * np.geomspace(1, 0.05, WIDTH)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_every_learned_code_is_compared_with_signs_of_as_many_bytes() -> None:
    hits, rows = measured(unequal(QUERIES + 1200))
    report = Report()
    claim({("space", "texts"): hits, ("space", "more"): hits}, report)

    by_codec = {(row["codec"], row["bits"]): row for row in rows}
    assert len(rows) == sum(len(chosen) for chosen in choices(WIDTH).values()) == len(hits)
    assert all(one.shape == (QUERIES, 2) for one in hits.values())
    for row in rows:
        assert 0 < row["among 10"] < row["among 40"] <= 1
        assert (row["seconds to learn"] > 0) == (row["codec"] not in ("binary", "prefix"))
    assert by_codec["itq", "1 bit a dimension"]["bytes"] == by_codec["binary", "1 bit a dimension"]["bytes"]
    assert len(report.claims) == 6 * 3
    first = report.claims[0]
    itq, signs = (by_codec[name, "1 bit a dimension"]["among 10"] for name in ("itq", "binary"))
    assert first.value is not None
    assert abs(first.value - 100 * (itq - signs)) < 0.01
    assert first.met


def test_collections_are_the_texts_of_the_folder_each_once(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(2000)]
    for folder, key in (("nli/train", "premise"), ("retrieval/a/documents", "text")):
        path = tmp_path / f"{folder}.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(json.dumps({key: text}) + "\n" for text in [*texts, *texts]))
    (tmp_path / "answerable").mkdir()
    (tmp_path / "answerable" / "dev.jsonl").write_text(json.dumps({"passage": "one"}) + "\n")

    found = collections(tmp_path, 1500)

    assert list(found) == ["sentences", "abstracts"]
    assert all(len(set(one)) == len(one) == 1500 for one in found.values())
