"""Maps that learn from pairs, many of which may be wrong, and things that are sums of their parts (ALIGN)."""

from __future__ import annotations

import numpy as np
from support.small_fusions import fused, learn
from tieback.methods.projection import unit_rows
from tieback_contract.arrays import Array
from tieback_lab.methods.fusion import Goal
from tieback_lab.recipes.train.fusing import Things

LATENT, WIDTHS, TESTED = 6, (24, 16), 60


def pairs(count: int, *, wrong: float = 0.0, seed: int = 0) -> Things:
    """Pairs of rows that show the same numbers, a share of which go with one another's."""
    draw, maps = np.random.default_rng(seed), np.random.default_rng(7)
    shown = draw.normal(size=(count, LATENT))
    swapped = np.flatnonzero(draw.random(count) < wrong)
    said = shown.copy()
    said[swapped] = shown[np.roll(swapped, 1)]
    rows = [
        (one @ maps.normal(size=(LATENT, width)) + 0.5 * draw.normal(size=(count, width)))[:, None]
        for one, width in zip((shown, said), WIDTHS, strict=True)
    ]
    there = [np.ones((count, 1), bool) for _ in WIDTHS]
    return Things([one.astype(np.float32) for one in rows], there, None, Goal(np.arange(count)))


def found_first(training: Things, **parameters: int) -> float:
    """The share of held-out partners that find each other first."""
    state, tested = learn("align", training, **parameters), pairs(TESTED, seed=1)
    sides = [fused("align", tested.only([part]), state) for part in (0, 1)]
    return float(((sides[0] @ sides[1].T).argmax(axis=1) == np.arange(TESTED)).mean())


def test_many_pairs_of_which_a_half_are_wrong_teach_more_than_few_right_ones() -> None:
    few, many, wrong = pairs(10), pairs(600, wrong=0.5), pairs(600, wrong=1.0)

    by_few, by_many, by_wrong = (found_first(one) for one in (few, many, wrong))

    assert by_many > by_few + 0.1
    assert by_wrong < by_many - 0.4


def test_partners_are_learned_from_things_of_one_part_each() -> None:
    whole = pairs(300)
    rows = [np.concatenate([one, one]) for one in whole.rows]
    there = [
        np.concatenate([one & (side == part) for side in (0, 1)]) for part, one in enumerate(whole.there)
    ]
    apart = Things(rows, there, None, Goal(np.tile(np.arange(300), 2)))

    assert found_first(apart, steps=150) > found_first(apart, steps=0) + 0.3


def test_a_thing_is_the_sum_of_its_parts() -> None:
    things = pairs(80)
    state = learn("align", things, steps=5)
    alone: list[Array] = [fused("align", things.only([part]), state) for part in (0, 1)]

    np.testing.assert_allclose(fused("align", things, state), unit_rows(alone[0] + alone[1]), atol=1e-5)
