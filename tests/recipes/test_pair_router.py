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
from tieback.recipes.fitting.pair_router import Pairs, train_router
from tieback.recipes.fitting.router_training import Labelled
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
    pairs = Pairs(INPUTS[known], [block[known] for block in TEXTS], [block[known] for block in PICTURES])
    settings = {"parts": [WIDTH] * 3, "steps": 80, **parameters}
    return train_router([pairs], Labelled(INPUTS[known], TARGETS[known]), **settings)


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


def test_without_the_decoupling_objective_fewer_texts_go_to_the_right_space(router: dict[str, Array]) -> None:
    assert right_space(train(decoupling=0.0)) < right_space(router)


def test_labels_alone_make_a_router() -> None:
    labelled = Labelled(INPUTS[:TRAINING], TARGETS[:TRAINING])

    router = train_router([], labelled, steps=60)

    assert right_space(router) > 0.9


def test_the_same_seed_gives_the_same_router_and_another_seed_another() -> None:
    first, again, other = (train(steps=5, seed=seed) for seed in (3, 3, 4))

    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["first"], other["first"])


def test_a_block_without_vectors_is_never_a_target_of_training_and_never_nan() -> None:
    silent = [TEXTS[0][:TRAINING], TEXTS[1][:TRAINING], np.zeros((TRAINING, WIDTH))]
    pictures = [block[:TRAINING] for block in PICTURES]

    router = train_router([Pairs(INPUTS[:TRAINING], silent, pictures)], steps=20)

    assert all(np.isfinite(array).all() for array in router.values())


def test_items_of_one_group_are_not_told_apart() -> None:
    """Two captions of one photo: every picture comes twice, and only the group says so."""
    pair = [block[: TRAINING // 2].repeat(2, axis=0) for block in PICTURES]
    losses: dict[bool, float] = {}

    for grouped in (False, True):
        groups = np.arange(TRAINING) // 2 if grouped else None
        said: list[str] = []
        train_router(
            [Pairs(INPUTS[:TRAINING], pair, pair, groups)],
            steps=10,
            dropout=0.0,
            progress=lambda _share, doing, said=said: said.append(doing),  # type: ignore[misc]  # the default
        )
        losses[grouped] = float(said[-1].rpartition(" ")[2])

    assert losses[True] < losses[False] - 0.1


def test_progress_ends_at_one() -> None:
    heard: list[float] = []

    train(steps=4, progress=lambda share, _doing: heard.append(share))

    assert heard == [0.25, 0.5, 0.75, 1.0]


def pairs_with(**changes: Any) -> Pairs:
    whole = {"inputs": np.ones((4, 6)), "queries": [np.ones((4, 3))] * 2, "documents": [np.ones((4, 3))] * 2}
    return Pairs(**{**whole, **changes})


@each(
    "pairs, labelled, parameters, message, field",
    [
        ([], None, {}, "a router learns from pairs, from labelled inputs or from both", "pairs"),
        ([pairs_with()], None, {"alignment": 0.0}, "a router learns from", "pairs"),
        ([pairs_with()], None, {"decoupling": -1.0}, "not negative", "pairs"),
        ([pairs_with(documents=[np.ones((4, 3))])], None, {}, "the same blocks", "pairs[0]"),
        ([pairs_with(documents=[np.ones((3, 3))] * 2)], None, {}, "a row in each array", "pairs[0]"),
        ([pairs_with(inputs=np.full((4, 6), np.nan))], None, {}, "row 0 holds NaN", "pairs[0]"),
        ([pairs_with(queries=[np.zeros((4, 3))] * 2)], None, {}, "query 0 has no block", "pairs[0]"),
        ([pairs_with()], Labelled(np.ones((4, 5)), np.ones((4, 2))), {}, "6 wide with 2 blocks", "pairs"),
        ([pairs_with()], None, {"parts": [2, 3]}, "do not sum to the inputs' width 6", "parts"),
    ],
)
def test_what_does_not_go_together_is_refused(
    pairs: list[Pairs], labelled: Labelled | None, parameters: dict[str, Any], message: str, field: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as refusal:
        train_router(pairs, labelled, **parameters)

    assert str(refusal.value.field) == field
