"""Claims of methods for photos: composed queries, conditional spaces, learned matching."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from support.present import present

from benchmarks.claims import composed_queries, conditional_spaces, learned_matching, textures
from benchmarks.claims._edited_scenes import EDITS, Encoders, caption, drawn_scene, edited, scene_of
from benchmarks.report import Report

pytestmark = pytest.mark.all

SMALL: dict[Any, dict[str, Any]] = {
    composed_queries: {"TRAINED": 40, "CHOSEN": 12, "TESTED": 16, "STEPS": 2},
    conditional_spaces: {"TRAINED": 100, "TESTED": 60, "STEPS": 2, "BATCH": 20},
    learned_matching: {"PAIRS": 4, "TESTED": 3, "STEPS": 2, "BATCH": 2},
}


@pytest.mark.parametrize("topic", SMALL, ids=lambda topic: topic.__name__.rpartition(".")[2])
def test_a_topic_measures_every_claim_also_when_small(topic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL[topic].items():
        monkeypatch.setattr(topic, name, value)
    report = Report()

    topic.study(report, range(2), lambda _line: None)

    assert report.claims
    for claim in report.claims:
        assert claim.name.startswith(topic.METHOD)
        assert present(claim.low) <= present(claim.value) <= present(claim.high)


def test_an_edit_changes_one_kind_of_thing_as_its_words_say() -> None:
    draw = np.random.default_rng(0)
    for edit in EDITS:
        for _ in range(20):
            before = drawn_scene(draw)
            after, words, _ = edited(before, edit, draw)
            gone, new = dict(before).keys() - dict(after).keys(), dict(after).keys() - dict(before).keys()
            counts = sum(dict(after).values()) - sum(dict(before).values())
            expected = {"add": (0, 1, 1), "recolour": (1, 1, 0), "one more": (0, 0, 1)}
            if edit == "remove":
                assert (len(gone), len(new)) == (1, 0)
            else:
                assert (len(gone), len(new), counts) == expected[edit], words


def test_photos_of_a_scene_differ_and_are_nearer_than_those_of_another() -> None:
    draw = np.random.default_rng(0)
    encoders = Encoders(1)
    one, other = scene_of({0: 1, 5: 2}), scene_of({3: 1, 7: 2})

    first, again, another = (encoders.photo(scene, draw)[0] for scene in (one, one, other))

    assert 0.8 < first @ again < 1 - 1e-4
    assert first @ another < 0.6
    assert caption(one) == "a red circle and two green square"


def test_a_perfect_space_has_a_precision_of_1_and_shows_its_labels() -> None:
    labels = np.arange(60) % conditional_spaces.VALUES
    vectors = np.eye(conditional_spaces.VALUES, dtype=np.float32)[labels]
    noise = np.random.default_rng(0).normal(size=(600, 8))

    assert conditional_spaces.mean_precision(vectors, labels) == 1
    assert conditional_spaces.decoded(vectors, labels) == 1
    by_chance = conditional_spaces.decoded(noise, np.arange(600) % conditional_spaces.VALUES)
    assert by_chance < 0.3


def test_triplets_that_are_apart_by_the_margin_cost_nothing() -> None:
    apart = torch.eye(3).repeat_interleave(2, dim=0)
    labels = torch.tensor([0, 0, 1, 1, 2, 2])

    assert conditional_spaces.triplets(apart, labels) == 0
    assert conditional_spaces.triplets(apart, labels.roll(1)) > conditional_spaces.MARGIN


def test_costs_of_neighbours_that_lie_alike_add_up() -> None:
    places = learned_matching.PLACES
    shifted = np.zeros((1, places, places))
    at = np.arange(places - 1)
    shifted[0, at, at + 1] = 1  # the second window lies one cell to the left

    found = learned_matching.summed(shifted)

    middle = 3 * textures.SIDE + 3
    assert found[0, middle, middle + 1] == 9
    assert found[0, middle, middle] == 0
    assert learned_matching.right(shifted, np.append(at + 1, -1)[None]) == 100
    assert learned_matching.right(shifted, np.arange(places)[None]) == 0
