"""The benchmark of photos, captions and parts of photos asks every task by every plan."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import photo_search
from benchmarks.data_folder import DataError
from benchmarks.photo_search import IMAGES, ONE, REGIONS, precision
from benchmarks.pipeline.collections import PHOTO_TO_TEXT, TEXT_TO_PHOTO

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of four colours in blocks, with two captions each."""
    folder = tmp_path_factory.mktemp("data")
    images = folder / "captions" / "images"
    images.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for number in range(5):
        blocks = draw.integers(0, 255, (6, 8, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
        Image.fromarray(blocks).save(images / f"{number}.jpg")
    said = {f"{number}.jpg": [f"a dog {number}", f"cat {number} runs"] for number in range(5)}
    (folder / "captions" / "captions.json").write_text(json.dumps(said))
    return folder


def test_tasks_are_captions_both_ways_and_parts_that_are_the_same_each_time(
    data: Path, tmp_path: Path
) -> None:
    tasks = list(photo_search.tasks_of(data, tmp_path, most=3, seed=0))
    queries = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    again = list(photo_search.tasks_of(data, tmp_path, most=3, seed=0))

    names = [one.name for one in tasks]
    assert names == [
        TEXT_TO_PHOTO,
        PHOTO_TO_TEXT,
        "captions: a part alone to photo",
        "captions: a pasted part to photo",
    ]
    assert [len(one.questions) for one in tasks] == [3, 3, 3, 3]
    assert [len(one.documents) for one in tasks] == [5, 10, 3, 3]
    assert tasks == again
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == queries
    assert len(set(queries.values())) == 6


def test_a_folder_without_captions_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sounds").mkdir()
    (tmp_path / "sounds" / "labels.json").write_text('{"a.wav": "dog"}')
    (tmp_path / "sounds" / "a.wav").write_bytes(b"")

    with pytest.raises(DataError, match="no captions"):
        list(photo_search.tasks_of(tmp_path, tmp_path, most=3, seed=0))


def test_the_average_precision_counts_what_was_not_found() -> None:
    assert precision(["a", "x", "b"], {"a": 1, "b": 1}) == pytest.approx((1 + 2 / 3) / 2)
    assert precision(["x", "a"], {"a": 1, "b": 1}) == pytest.approx(1 / 4)
    assert precision([], {"a": 1}) == 0


def test_every_plan_of_every_task_is_measured(data: Path, tmp_path: Path) -> None:
    tasks = list(photo_search.tasks_of(data, tmp_path, most=4, seed=0))

    report = photo_search.measured(tasks, IMAGES, spaces=["wordllama-256", IMAGES])

    rows = {(row["task"], row["stored"], row["space"], row["plan"]): row for row in report.tables["by plan"]}
    part = "captions: a part alone to photo"
    for place in ((part, ONE, IMAGES), (part, REGIONS, "joint"), (TEXT_TO_PHOTO, ONE, "joint")):
        assert rows[*place, "default"]["queries"] == 4
    assert rows[part, REGIONS, IMAGES, "reranker late_interaction"]["R@10"] == 1
    assert (part, ONE, IMAGES, "reranker late_interaction") not in rows
    for row in rows.values():
        assert row["mAP low"] <= row["mAP less default"] <= row["mAP high"]
        assert 0 <= row["R@1"] <= row["R@10"]
    assert len(report.claims) == len({place[:3] for place in rows})
