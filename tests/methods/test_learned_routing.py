"""Policies that follow a learned router's scores, enforced routing, and batches grouped by expert."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.methods.routing import routings
from tieback.methods.routing._grouping import grouped
from tieback.methods.routing._network import scores as network_scores

SPACES = ("audio", "picture", "text")
EVERYONE = np.ones((1, 3), bool)
DOMAINS = {"birds": ["audio", "picture"], "law": ["text"]}


@pytest.mark.parametrize(("name", "parameters"), [("soft", {}), ("top_k", {}), ("top_k", {"k": 1})])
def test_weights_sum_to_one_over_the_present_spaces(name: str, parameters: dict[str, int]) -> None:
    draw = np.random.default_rng(0)
    present = draw.random((50, 3)) > 0.4
    present[0] = False

    weights = routings.configure(name, parameters)(SPACES, present, draw.random((50, 3)))

    assert weights.sum(axis=1) == pytest.approx(present.any(axis=1).astype(float))
    assert not weights[~present].any()


def test_soft_weights_are_the_softmax_of_ten_times_the_scores() -> None:
    scores = np.array([[0.9, 0.7, 0.1]])

    weights = routings.configure("soft")(SPACES, EVERYONE, scores)

    assert weights == pytest.approx(np.exp(10 * scores) / np.exp(10 * scores).sum())


def test_a_lost_space_leaves_the_ratio_of_the_others() -> None:
    scores = np.array([[0.9, 0.7, 0.6]])
    soft = routings.configure("soft")

    whole = soft(SPACES, EVERYONE, scores)
    left = soft(SPACES, np.array([[False, True, True]]), scores)

    assert left[0, 0] == 0
    assert left[0, 1] / left[0, 2] == pytest.approx(whole[0, 1] / whole[0, 2])


def test_sharpness_nought_is_uniform() -> None:
    weights = routings.configure("soft", {"sharpness": 0})(SPACES, EVERYONE, np.array([[0.9, 0.7, 0.1]]))

    assert weights == pytest.approx(np.full((1, 3), 1 / 3))


def test_the_best_k_of_the_present_spaces_have_weight() -> None:
    scores = np.array([[0.9, 0.7, 0.1], [0.9, 0.7, 0.1]])

    weights = routings.configure("top_k", {"k": 1})(SPACES, np.array([[1, 1, 1], [0, 1, 1]], bool), scores)

    assert weights == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize("k", [1, 2, 9])
def test_top_k_without_a_router_weights_every_space(k: int) -> None:
    weights = routings.configure("top_k", {"k": k})(SPACES, EVERYONE, np.zeros((1, 3)))

    assert weights == pytest.approx(np.full((1, 3), 1 / 3))


def test_the_spaces_of_the_domain_share_the_weight() -> None:
    policy = routings.configure("domain", {"domains": DOMAINS, "domain": "birds"})

    weights = policy(SPACES, np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1]], bool), np.ones((3, 3)))

    assert weights == pytest.approx(np.array([[0.5, 0.5, 0], [1, 0, 0], [0, 0, 0]]))


@each(
    "parameters, message, field",
    [
        ({"domains": DOMAINS, "domain": "cooking"}, "the domains are: birds, law", "domain"),
        ({}, "the domains are: none", "domain"),
        (
            {"domains": {"birds": ["smell"]}, "domain": "birds"},
            "'smell', which is no component .* audio, picture, text",
            'domains["birds"]',
        ),
        ({"domains": {"birds": []}, "domain": "birds"}, "has no spaces", 'domains["birds"]'),
    ],
)
def test_a_domain_that_leads_nowhere_is_refused_with_the_choices(
    parameters: dict[str, object], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        routings.configure("domain", parameters)(SPACES, EVERYONE, np.zeros((1, 3)))

    assert str(refusal.value.field) == f"parameters.{field}"


def test_a_router_scores_between_nought_and_one_however_large_its_numbers() -> None:
    draw = np.random.default_rng(0)
    state = {
        "first": draw.normal(size=(5, 8)),
        "first_bias": draw.normal(size=8),
        "second": draw.normal(size=(8, 4)),
        "second_bias": draw.normal(size=4),
        "third": 1e6 * draw.normal(size=(4, 3)),
        "third_bias": draw.normal(size=3),
    }

    found = network_scores(draw.normal(size=(7, 5)), state)

    assert found.shape == (7, 3)
    assert ((found >= 0) & (found <= 1)).all()


def test_a_batch_grouped_by_expert_gives_what_its_rows_give_alone() -> None:
    draw = np.random.default_rng(0)
    matrices = draw.normal(size=(4, 16, 9)).astype(np.float32)
    calls: list[int] = []

    def expert(number: int) -> Callable[[np.ndarray], np.ndarray]:
        def say(rows: np.ndarray) -> np.ndarray:
            calls.append(number)
            return np.asarray(np.tanh(rows @ matrices[number]))

        return say

    vectors = draw.normal(size=(40, 16)).astype(np.float32)
    chosen = draw.choice([0, 1, 3], size=40)

    together = grouped(vectors, chosen, [expert(number) for number in range(4)])

    assert calls == [0, 1, 3]
    alone = np.stack([np.tanh(row @ matrices[number]) for row, number in zip(vectors, chosen, strict=True)])
    assert together == pytest.approx(alone, abs=1e-5)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [([0, 2], "row 1 chooses expert 2; the experts are 0 to 1"), ([0], "2 rows choose 1 experts")],
)
def test_a_row_that_chooses_no_expert_is_refused(chosen: list[int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        grouped(np.ones((2, 3)), np.array(chosen), [np.tanh, np.tanh])
