"""How queries of the benchmark of instances are made, and what is made of where their photos are found."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.photo_encoder import written
from tieback.methods.reranking import rerankings

from benchmarks.lab import instances
from benchmarks.lab.instances import BEST_REGION, DOLG, FEATURES, GEM, Encoded
from benchmarks.report import Report

pytestmark = pytest.mark.all

FILES = [Path(f"{number}.jpg") for number in range(100)]


def test_every_photo_is_learned_from_a_background_or_searched_and_nothing_twice() -> None:
    parts = instances.dealt(FILES, seed=0)

    assert [len(part) for part in parts] == [50, 10, 40]
    assert sorted(path for part in parts for path in part) == sorted(FILES)
    assert instances.dealt(FILES, seed=0) == parts
    assert instances.dealt(FILES, seed=1) != parts
    assert sum(map(len, instances.dealt(FILES, 0, most=20))) == 20


def test_a_query_is_the_same_each_time_and_holds_a_part_of_its_photo() -> None:
    photos = [written(Image.new("RGB", (90, 60), colour)) for colour in ((240, 20, 20), (20, 240, 20))]
    background = written(Image.new("RGB", (80, 70), (20, 20, 240)))

    queries = instances.queries_of(photos, [background], seed=0)

    assert queries == instances.queries_of(photos, [background], seed=0)
    for query, channel in zip(queries, (0, 1), strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(query)), np.int64)
        share = float((pixels[..., channel] > 150).mean())
        assert 0.08 < share < 0.45


def test_regions_find_a_photo_whose_whole_is_not_the_nearest() -> None:
    axes = np.eye(4)
    photos = Encoded(axes[[0, 1, 2]], np.stack([axes[[0, 3]], axes[[1, 1]], axes[[2, 2]]]))
    near = np.array([0.5, 0.52, 0.0, 0.69])
    rows = np.stack([near / np.linalg.norm(near), axes[3]])
    queries = Encoded(rows[:1], rows[None])

    found = instances.by_regions(photos, queries)

    assert instances._places(photos, queries).tolist() == [2]
    assert found[BEST_REGION].tolist() == [1]
    assert found["DOLG, the best 50 reranked by late_interaction"].tolist() == [1]
    assert len(found) == 1 + len(rerankings.names())


def test_claims_hold_the_gain_over_the_same_queries_against_their_targets() -> None:
    better, worse = np.array([1.0] * 30 + [2.0] * 10), np.array([1.0] * 20 + [4.0] * 20)
    places = {FEATURES: worse, GEM: worse, DOLG: better, BEST_REGION: better, "DOLG, reranked": worse}
    report = Report()

    instances.claim(places, report)

    recall = {one.name.rpartition("part, ")[2]: one for one in report.claims if "recall" in one.name}
    gained = recall[f"{DOLG}, over {GEM}"]
    assert gained.value == pytest.approx(25)
    assert gained.met is True
    assert gained.low is not None
    assert gained.high is not None
    assert gained.low < 25 < gained.high
    assert recall[f"{BEST_REGION}, over {DOLG}"].met is False
    assert recall[f"DOLG, reranked, over {DOLG}"].value == pytest.approx(-25)


def test_the_table_has_a_row_for_each_way_with_its_interval() -> None:
    report = Report()

    instances.tell_found({FEATURES: np.array([1, 2, 4, 1]), DOLG: np.array([1, 1, 1, 1])}, report)

    (rows,) = report.tables.values()
    assert rows[0]["recall@1, %"] == 50
    assert rows[0]["mAP"] == pytest.approx((1 + 1 / 2 + 1 / 4 + 1) / 4, abs=1e-3)
    assert (rows[1]["from"], rows[1]["recall@1, %"], rows[1]["to"]) == (100, 100, 100)
