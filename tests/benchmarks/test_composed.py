"""The benchmark of composed queries draws what its triplets say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.lab.composed import COLOURS, MOST, SHAPES, drawn

pytestmark = pytest.mark.all


def test_every_triplet_names_two_pictures_that_differ_as_its_words_say(tmp_path: Path) -> None:
    triplets = drawn(tmp_path)

    pictures = len(COLOURS) * len(SHAPES) * MOST
    assert len(list(tmp_path.glob("*.png"))) == pictures
    assert len(triplets) == pictures * (len(COLOURS) + len(SHAPES) - 2) + 2 * (pictures - pictures // MOST)
    for one in triplets:
        before, after = one["photo"].split("-"), one["target"].split("-")
        changed = [place for place in range(3) if before[place] != after[place]]
        kind = {"but": 0, "make": 1, "one": 2}[one["text"].split()[0]]
        assert changed == [kind]
        if kind < 2:
            assert one["text"].endswith(after[kind])


def test_more_things_cover_more_of_a_picture_in_their_colour(tmp_path: Path) -> None:
    drawn(tmp_path)

    def covered(name: str) -> int:
        pixels = np.asarray(Image.open(tmp_path / name), int)
        return int((np.abs(pixels - COLOURS["red"]).sum(axis=2) < 30).sum())

    areas = [covered(f"red-square-{count}.png") for count in (1, 2, 3)]
    assert 0 < areas[0] < areas[1] < areas[2]
    assert covered("blue-square-3.png") == 0
