"""The benchmark of conditions draws what its labels say, and asks under each condition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.coloured_triplets import shades_in
from support.labelled_shades import labels_in, learn
from support.local_platform import served_locally
from tieback.serving.settings import Settings
from tieback_client import Client

from benchmarks.lab import conditions
from benchmarks.lab.conditions import COLOURS, CONDITIONS, SHAPES, Drawn
from benchmarks.report import Report

pytestmark = pytest.mark.all


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Drawn]:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(9):
        Image.new("RGB", (90, 70), (number, number, number)).save(folder / f"{number}.jpg")
    return conditions.drawn(sorted(folder.glob("*.jpg")), folder, 60, seed=0)


def test_a_picture_has_the_colour_that_its_labels_say(pictures: Sequence[Drawn]) -> None:
    for one in pictures:
        pixels = np.asarray(Image.open(one.file).convert("RGB"), int)
        share = (np.abs(pixels - COLOURS[one.labels["colour"]]).sum(axis=2) < 30).mean()
        assert 0.02 < share < 0.5


def test_some_pairs_are_in_no_picture_to_learn_from(pictures: Sequence[Drawn]) -> None:
    pairs = [
        (SHAPES.index(one.labels["shape"]), list(COLOURS).index(one.labels["colour"])) for one in pictures
    ]

    assert all(shape != colour for shape, colour in pairs[:40])
    assert any(shape == colour for shape, colour in pairs[40:])


def test_the_gain_is_that_of_the_condition_over_the_vectors_as_they_are(tmp_path: Path) -> None:
    world = shades_in(tmp_path)
    learned = learn(world, labels_in(world, CONDITIONS), "out")
    settings = Settings(
        models=world.store.root, store=tmp_path / "store", cards=tmp_path / "cards", port=0,
        metrics_port=None, spaces=("words", "eyes"), binding="none", generator="none", drain_seconds=1,
        artifacts=(str(learned.folder),),
    )  # fmt: skip
    pictures = [
        Drawn(path, dict(zip(CONDITIONS, path.stem.split("-"), strict=True)))
        for path in sorted(tmp_path.glob("?-?.png"))
    ]
    report = Report()

    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        rows = conditions.measured(report, client, pictures, "one vector", "eyes")

    assert [row["queries"] for row in rows] == [49, 49]
    for row in rows:
        assert row["under the condition"] > row["as they are"] + 0.2
        assert row["under it, by the other label"] < 0.5
    assert [claim.met for claim in report.claims] == [True, True]
