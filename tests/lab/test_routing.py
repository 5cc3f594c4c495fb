"""Routing by the best spaces and by a named domain, and batches grouped by expert."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from support.each import each
from support.small_binding import routed, text
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.fusion import FuseRequest, Routing
from tieback.methods.routing import routings
from tieback.router import Router
from tieback_contract.fusion import Fused
from tieback_lab.methods.routing._grouping import grouped

SPACES = ("audio", "picture", "text")
EVERYONE = np.ones((1, 3), bool)
DOMAINS = {"birds": ["audio", "picture"], "law": ["text"]}


@pytest.mark.parametrize("k", [1, 2])
def test_weights_sum_to_one_over_the_present_spaces(k: int) -> None:
    draw = np.random.default_rng(0)
    present = draw.random((50, 3)) > 0.4
    present[0] = False

    weights = routings.configure("top_k", {"k": k})(SPACES, present, draw.random((50, 3)))

    assert weights.sum(axis=1) == pytest.approx(present.any(axis=1).astype(float))
    assert not weights[~present].any()


async def test_a_request_asks_for_the_best_block_alone() -> None:
    router = Router.bound(routed())
    routing = Routing("top_k", parameters={"k": 1})

    (best,) = (await router.fuse(FuseRequest([text(1.0, 0.0, 0.0)], routing=routing), NO_CALL)).results

    assert isinstance(best, Fused)
    assert best.routing.weights == pytest.approx({"words": 0, "names": 0, "eyes": 1, "ears": 0})


def test_the_best_k_of_the_present_spaces_have_weight() -> None:
    scores = np.array([[0.9, 0.7, 0.1], [0.9, 0.7, 0.1]])

    weights = routings.configure("top_k", {"k": 1})(SPACES, np.array([[1, 1, 1], [0, 1, 1]], bool), scores)

    assert weights == pytest.approx(np.array([[1, 0, 0], [0, 1, 0]]))


@pytest.mark.parametrize("k", [1, 2, 9])
def test_top_k_without_a_router_weights_every_space(k: int) -> None:
    weights = routings.configure("top_k", {"k": k})(SPACES, EVERYONE, np.zeros((1, 3)))

    assert weights == pytest.approx(np.full((1, 3), 1 / 3))


async def test_a_query_of_a_named_domain_weights_the_domains_spaces_alone() -> None:
    router, named = Router.bound(routed()), {"domains": {"animals": ["eyes", "ears"]}, "domain": "animals"}
    routing = Routing("domain", parameters=named)

    (found,) = (await router.fuse(FuseRequest([text(1.0, 0.0, 0.0)], routing=routing), NO_CALL)).results

    assert isinstance(found, Fused)
    assert found.routing.policy == "domain"
    assert found.routing.weights == pytest.approx({"words": 0, "names": 0, "eyes": 0.5, "ears": 0.5})


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
