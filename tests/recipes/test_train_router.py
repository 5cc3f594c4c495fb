"""The training of a router, on three synthetic spaces that are each good in one domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.methods.projection import unit_rows
from tieback.methods.routing import routings
from tieback.methods.routing._network import scores
from tieback.recipes.fitting.router_training import Labelled, train_router
from tieback_contract.arrays import Array

SPACES = ("bird", "law", "song")
WIDTH, TRAINING, HELD_OUT = 24, 600, 240


def catalogue(telltale: float) -> tuple[list[Array], list[Array], Array]:
    """Texts and pictures per space, `[n, WIDTH]`, and the domain of each.

    A space agrees about the items of its own domain and little about others; `telltale` is how far a domain
    moves its texts.
    """
    draw = np.random.default_rng(0)
    count = TRAINING + HELD_OUT
    domains = np.arange(count) % 3
    texts, pictures = [], []
    for space in range(3):
        meaning = unit_rows(draw.normal(size=(count, WIDTH)))
        noise = np.where(domains == space, 0.2, 1.8)[:, None] / np.sqrt(WIDTH)
        moved = unit_rows(draw.normal(size=(3, WIDTH)))[domains]
        texts.append(unit_rows(meaning + noise * draw.normal(size=meaning.shape) + telltale * moved))
        pictures.append(unit_rows(meaning + noise * draw.normal(size=meaning.shape)))
    return texts, pictures, domains


TEXTS, PICTURES, DOMAINS = catalogue(0.6)
INPUTS = np.concatenate(TEXTS, axis=1)
TARGETS = np.eye(3)[DOMAINS]
ASKED = slice(TRAINING, None)


def train(**parameters: Any) -> dict[str, Array]:
    known = slice(0, TRAINING)
    settings = {"parts": [WIDTH] * 3, "steps": 80, **parameters}
    return train_router(Labelled(INPUTS[known], TARGETS[known]), **settings)


@pytest.fixture(scope="module")
def router() -> dict[str, Array]:
    return train()


def weights_of(router: dict[str, Array], lost: int | None = None) -> Array:
    present, inputs = np.ones((HELD_OUT, 3), bool), INPUTS[ASKED].copy()
    if lost is not None:
        present[:, lost] = False
        inputs[:, lost * WIDTH : (lost + 1) * WIDTH] = 0
    return routings.configure("soft")(SPACES, present, scores(inputs.astype(np.float32), router))


def hits(weights: Array) -> Array:
    cosines = [text[ASKED] @ picture[ASKED].T for text, picture in zip(TEXTS, PICTURES, strict=True)]
    return np.asarray(np.einsum("nk,knm->nm", weights, cosines).argmax(axis=1) == np.arange(HELD_OUT))


def right_space(router: dict[str, Array]) -> float:
    return float((weights_of(router).argmax(axis=1) == DOMAINS[ASKED]).mean())


def test_routed_weights_find_more_than_uniform_ones_and_these_more_than_any_space_alone(
    router: dict[str, Array],
) -> None:
    routed = hits(weights_of(router)).mean()

    uniform = hits(np.full((HELD_OUT, 3), 1 / 3)).mean()
    alone = max(hits(np.tile(only, (HELD_OUT, 1))).mean() for only in np.eye(3))
    assert routed > uniform + 0.03
    assert uniform > alone + 0.05


def test_weights_sum_to_one_and_favour_the_space_that_knows(router: dict[str, Array]) -> None:
    weights = weights_of(router)

    assert weights.sum(axis=1) == pytest.approx(np.ones(HELD_OUT))
    assert right_space(router) > 0.9


def test_a_lost_space_has_no_weight_and_texts_of_other_domains_are_still_found(
    router: dict[str, Array],
) -> None:
    whole = hits(weights_of(router))

    for lost in range(3):
        weights = weights_of(router, lost)
        others = DOMAINS[ASKED] != lost
        assert not weights[:, lost].any()
        assert weights.sum(axis=1) == pytest.approx(np.ones(HELD_OUT))
        assert hits(weights)[others].mean() > whole[others].mean() - 0.03


def test_the_same_seed_gives_the_same_router_and_another_seed_another() -> None:
    first, again, other = (train(steps=5, seed=seed) for seed in (3, 3, 4))

    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["first"], other["first"])


def test_progress_ends_at_one() -> None:
    heard: list[float] = []

    train(steps=4, progress=lambda share, _doing: heard.append(share))

    assert heard == [0.25, 0.5, 0.75, 1.0]


@each(
    "labelled, parts, message, field",
    [
        (Labelled(np.ones((4, 5)), np.full((4, 2), 1.5)), [], "0 to 1", "labelled.targets"),
        (Labelled(np.ones((4, 5)), np.ones((3, 2))), [], "4 inputs have 3 targets", "labelled"),
        (Labelled(np.full((4, 6), np.nan), np.ones((4, 2))), [], "row 0 holds NaN", "labelled.inputs"),
        (Labelled(np.ones((4, 6)), np.ones((4, 2))), [2, 3], "do not sum to the inputs' width 6", "parts"),
    ],
)
def test_what_does_not_go_together_is_refused(
    labelled: Labelled, parts: list[int], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        train_router(labelled, parts=parts)

    assert str(refusal.value.field) == field
