"""Claims that are made of supported ones, and likelihoods that mean what they say."""

from __future__ import annotations

import numpy as np
import pytest
from support.each import each
from tieback.methods.grounding._chosen import bounds
from tieback_lab.recipes.reading.calibration import (
    EXPECTED_SUPPORTED,
    POINTS,
    logistic,
    unsupported_up_to,
    weights_of,
)
from tieback_lab.recipes.reading.claim_pairs import Pair
from tieback_lab.recipes.reading.made_claims import EDITS, SUPPORTED, UNSUPPORTED, Texts, made_pairs

CLAIM = "In the spring of 1992 Lady Ada Byron was the guest of King Leopold."
BESIDE = ["The harbour of Ostend was built in 1884.", "It was closed by the army of Prussia in winter."]


def edited(kind: str, claim: str = CLAIM, seed: int = 0) -> str | None:
    return EDITS[kind](claim, Texts(["Prussia", "Lake Geneva"], BESIDE), np.random.default_rng(seed))


def test_a_number_becomes_another_of_its_size() -> None:
    for seed in range(20):
        changed = edited("numbers", seed=seed)
        assert changed is not None
        year = int(changed.split()[4])
        assert year != 1992
        assert abs(year - 1992) < 12


def test_a_name_becomes_one_of_the_evidence_or_of_another_text() -> None:
    found = {edited("names", "The harbour was closed by King Leopold in winter.", seed) for seed in range(30)}

    assert found - {None} == {
        f"The harbour was closed by {name} in winter." for name in ("Ostend", "Prussia", "Lake Geneva")
    }  # fmt: skip


def test_names_on_both_sides_of_a_verb_have_each_others_place_and_joined_ones_do_not() -> None:
    assert edited("roles", "Lady Ada was the guest of King Leopold.") == (
        "King Leopold was the guest of Lady Ada."
    )  # fmt: skip
    assert edited("roles", "Lady Ada was there and King Leopold came.") is None


def test_a_negation_is_put_in_or_taken_out() -> None:
    assert edited("negation", "It was closed.", seed=1) in ("It was not closed.", "It was never closed.")
    assert edited("negation", "It was not closed.") == "It was closed."


def test_an_end_is_that_of_another_sentence() -> None:
    assert edited("merged", "It was closed.") in (
        "It was built in 1884.",
        "It was closed by the army of Prussia in winter.",
    )


@each("kind", EDITS)
def test_an_edit_leaves_alone_what_has_nothing_of_its_kind(kind: str) -> None:
    assert edited(kind, "rain falls") is None


def test_each_changed_claim_stands_beside_the_claim_as_it_was() -> None:
    evidence = " ".join([CLAIM, *BESIDE])
    pairs = [Pair(evidence, CLAIM, SUPPORTED, "a"), Pair("No.", "It was never so.", UNSUPPORTED, "a")]

    made = made_pairs(pairs, most=5, seed=0)

    assert {one.label for one in made} > {SUPPORTED}
    assert len(made) % 2 == 0
    for changed, unchanged in zip(made[::2], made[1::2], strict=True):
        assert changed.source == unchanged.source
        assert unchanged.label == SUPPORTED != changed.label
        assert unchanged.claim in evidence
        assert (changed.claim not in changed.evidence) or changed.label == UNSUPPORTED
    without = next(one for one in made if one.source == "made: context" and one.label == UNSUPPORTED)
    assert without.claim in evidence
    assert without.claim not in without.evidence


def calibration_error(likely: np.ndarray, is_supported: np.ndarray, weights: np.ndarray) -> float:
    places = np.minimum((likely * 10).astype(int), 9)
    apart = [weights[places == place] @ (likely - is_supported)[places == place] for place in range(10)]
    return float(np.abs(apart).sum() / weights.sum())


def test_calibrated_likelihoods_mean_what_they_say_and_promise_the_precision_of_verdicts() -> None:
    draw = np.random.default_rng(0)
    truth = draw.uniform(size=6000)
    is_supported = draw.uniform(size=6000) < truth
    sources = ["a", "b"] * 3000
    too_sure = 4 * np.log(truth / (1 - truth))[:, None]
    weights = weights_of(sources, is_supported)

    slopes, constant = logistic(too_sure, is_supported, weights)
    likely = 1 / (1 + np.exp(-(too_sure @ slopes + constant)))
    most = POINTS[unsupported_up_to(likely, is_supported, weights) >= 0.8].max()

    assert weights[is_supported].sum() == pytest.approx(EXPECTED_SUPPORTED)
    found, unsure = (calibration_error(one, is_supported, weights) for one in (likely, truth**0.25))
    assert found < 0.04 < unsure
    assert np.average(~is_supported[likely <= most], weights=weights[likely <= most]) >= 0.79
    assert most > POINTS[0]


def test_a_precision_that_nothing_reaches_gives_no_verdict() -> None:
    least, most = bounds(np.array([[0.2, 0.4, 0.7], [0.9, 0.8, 0.6]]), 0.95)

    assert least == np.inf
    assert most == -np.inf
