"""Anchors of the user in a binding: fitted with, measured on, and refused by their line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import Silent
from support.shade_worlds import plain_world
from support.shades import (
    NAMES,
    World,
    write_eyes,
)
from tieback.core.errors import InvalidInput
from tieback.recipes.pull import pull


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return plain_world(tmp_path_factory.mktemp("world"))


def write_anchors(path: Path, *lines: Any) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    return path


def test_anchors_of_the_users_are_fitted_with_and_measured_on(world: World, tmp_path: Path) -> None:
    lines = [
        {"text": f"a photo of {NAMES[number]}", "image": str(world.data / f"{number % 12:02}.png")}
        for number in range(24)
    ]
    lines.append({"text": "the rain fell", "same": "rain fell on the street"})

    bound = world.bind(anchors=write_anchors(tmp_path / "pairs.jsonl", *lines)).bound

    tasks = {row["task"]: row["queries"] for row in bound.metrics["retrieval"]}
    assert tasks["text → image (your pairs)"] == 5
    plain, more = (
        {row["projection"]: row["anchors"] for row in one.metrics["training"]}
        for one in (world.bind().bound, bound)
    )
    assert more["words -> eyes"] == plain["words -> eyes"] + 24


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ({"text": "rain", "image": "nowhere.png"}, "line 2: there is no file nowhere.png"),
        ({"text": "night", "same": "rain"}, "line 2: this is the pair of line 1 again"),
        ('{"text": NaN, "same": "rain"}', "line 2: this is not JSON that can be read: NaN"),
        ("{", "line 2: this is not JSON"),
        ({"text": "rain"}, 'line 2: an anchor has "text" and one of'),
        ({"text": "", "same": "rain"}, "line 2: both sides of an anchor are strings that are not empty"),
        ({"text": "rain", "image": "noise.png"}, "line 2: .*read"),
        ({"text": "rain", "audio": "noise.png"}, "line 2: no space that is bound reads audio"),
        ({"text": "rain", "image": "noise.png", "weight": 2}, 'line 2: an anchor has "text" and one of'),
    ],
)
def test_a_bad_line_of_anchors_is_refused_by_its_number(
    world: World, tmp_path: Path, line: Any, fault: str
) -> None:
    (tmp_path / "noise.png").write_bytes(b"no picture")
    anchors = write_anchors(tmp_path / "pairs.jsonl", {"text": "night", "same": "rain"}, line)

    with pytest.raises(InvalidInput, match=rf"pairs\.jsonl, {fault}") as refusal:
        world.bind(anchors=anchors)

    assert str(refusal.value.field) == "anchors"


def test_too_few_anchors_for_the_method_say_how_many_it_needs(world: World, tmp_path: Path) -> None:
    few = write_eyes(tmp_path, "few", np.random.default_rng(3).random((6, 3)))
    other = world.elsewhere(tmp_path / "store")
    assert pull([few], [few], other.store, Silent()) == []
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidInput, match=r"few -> words: procrustes needs 13 anchors .* there are 8"):
        replace(other, cards=[world.cards[0], few]).bind(method="procrustes", data=(tmp_path / "empty",))
