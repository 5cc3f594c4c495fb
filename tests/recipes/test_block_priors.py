"""How loudly spaces that say the same kind of thing are to speak."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.methods.projection import unit_rows
from tieback.methods.routing.soft import softmax
from tieback.recipes.fitting.fixed_weights import block_priors, scores_for
from tieback_contract.arrays import Array

PAIRS, WIDTH = 300, 16


def pairs(noise: float, seed: int) -> tuple[Array, Array]:
    """What a space says of things and of their partners; the louder the noise, the less they agree."""
    draw = np.random.default_rng(seed)
    things = unit_rows(np.random.default_rng(0).normal(size=(PAIRS, WIDTH)))
    one, other = (unit_rows(things + noise * draw.normal(size=things.shape) / WIDTH**0.5) for _ in range(2))
    return one, other


def weights(*noises: float, groups: Array | None = None, trust: float = 1.0) -> Array:
    found = [pairs(noise, seed) for seed, noise in enumerate(noises, 1)]
    return block_priors([one for one, _ in found], [other for _, other in found], groups, trust=trust)


def test_the_space_whose_partners_agree_has_the_largest_weight() -> None:
    good, fair, poor = weights(0.5, 1.0, 4.0)

    assert good > fair > poor
    assert good + fair + poor == pytest.approx(1)


def test_no_space_is_silenced_by_pairs_that_are_half_trusted() -> None:
    assert weights(0.2, 9.0, trust=0.5)[1] >= 0.25


def test_spaces_that_are_alike_speak_alike() -> None:
    assert weights(0.8, 0.8) == pytest.approx([0.5, 0.5], abs=0.05)


def test_a_space_by_itself_has_all_the_weight() -> None:
    assert weights(1.0) == pytest.approx([1])


def test_things_of_one_group_are_no_wrong_answers_to_each_other() -> None:
    good, bad = pairs(0.5, 1), pairs(0.5, 2)
    doubled = [(np.tile(a, (2, 1)), np.tile(b, (2, 1))) for a, b in (good, bad)]

    found = block_priors(
        [one for one, _ in doubled], [other for _, other in doubled], np.tile(np.arange(PAIRS), 2)
    )

    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(1)


def test_a_softmax_makes_the_weights_of_the_scores() -> None:
    wanted = np.array([0.6, 0.3, 0.1])

    scores = scores_for(wanted, 10.0)

    assert scores.max() == 1
    assert softmax(np.ones((1, 3), bool), scores[None], 10.0)[0] == pytest.approx(wanted)
