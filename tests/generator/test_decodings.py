"""Decoding strategies and sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from tieback.core.errors import InvalidInput, NotFound
from tieback.generator.writing.sampling import Sampler, check
from tieback.methods.decoding import (
    PLAIN,
    Step,
    Stream,
    amateur,
    decodings,
    streams_of,
    truthful,
    with_evidence,
    without_evidence,
)
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.generation import SamplingParameters
from tieback_lab.methods.decoding.dola import divergences

RANDOM = np.random.default_rng(0)
GIVEN, WITHOUT_EVIDENCE, FALSE, INSTRUCTED, LOW, LOW_FALSE, LOW_INSTRUCTED = (
    RANDOM.standard_normal(100).astype(np.float32) * 3 for _ in range(7)
)
LAYER = 0.5
STEP = Step(
    {
        PLAIN: GIVEN,
        Stream(without_evidence): WITHOUT_EVIDENCE,
        Stream(amateur): FALSE,
        Stream(truthful): INSTRUCTED,
        Stream(layer=LAYER): LOW,
        Stream(amateur, LAYER): LOW_FALSE,
        Stream(truthful, LAYER): LOW_INSTRUCTED,
    }
)


def streams(name: str, **parameters: object) -> Sequence[Stream]:
    return streams_of(name, parameters)


def scored(name: str, step: Step = STEP, **parameters: object) -> Array:
    return decodings.configure(name, parameters)(step)


def log_p(logits: Array) -> Array:
    exact = logits.astype(np.float64)
    return np.asarray(exact - np.log(np.exp(exact).sum()))


def share(logits: Array) -> Array:
    return np.asarray(np.exp(logits - logits.max()))


@each("name", all_names(decodings))
def test_every_strategy_scores_each_token_and_excludes_not_all(name: str) -> None:
    draws = np.random.default_rng(1)
    logits = {one: draws.standard_normal(100).astype(np.float32) for one in streams(name)}

    scores = scored(name, Step(logits))

    assert scores.shape == (100,)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).any()


@each("name", all_names(decodings))
def test_where_its_streams_agree_a_strategy_prefers_no_token_to_the_plain_choice(name: str) -> None:
    scores = scored(name, Step(dict.fromkeys(streams(name), GIVEN)))

    assert scores[GIVEN.argmax()] >= scores.max() - 1e-5


def test_context_aware_with_alpha_0_is_plain() -> None:
    assert np.array_equal(scored("context_aware", alpha=0), GIVEN)


def test_context_aware_is_the_papers_formula() -> None:
    assert scored("context_aware") == pytest.approx(1.5 * GIVEN - 0.5 * WITHOUT_EVIDENCE, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("context_aware", {"plausibility": 0.1}),
        ("lol", {"layer": LAYER, "refocus": 0}),
        ("dola", {"layers": [LAYER]}),
    ],
)
def test_the_plausibility_mask_is_of_the_expert_alone(name: str, parameters: dict[str, Any]) -> None:
    others = {stream: -logits for stream, logits in STEP.logits.items()}

    assert np.array_equal(np.isfinite(scored(name, **parameters)), share(GIVEN) >= 0.1)
    assert np.array_equal(
        np.isfinite(scored(name, Step(others | {PLAIN: GIVEN}), **parameters)), share(GIVEN) >= 0.1
    )


def test_lol_is_the_sum_of_two_contrasts() -> None:
    scores = scored("lol", layer=LAYER, omega=0.3, refocus=0, plausibility=0)

    last, lower = log_p(GIVEN) - log_p(FALSE), log_p(LOW) - log_p(LOW_FALSE)
    assert scores == pytest.approx(last + 0.3 * lower, abs=1e-4)


def test_lol_with_omega_0_is_induce_then_contrast() -> None:
    scores = scored("lol", omega=0, refocus=0, plausibility=0.1)

    kept = share(GIVEN) >= 0.1
    assert scores[kept] == pytest.approx((log_p(GIVEN) - log_p(FALSE))[kept], abs=1e-4)
    assert np.isneginf(scores[~kept]).all()


@pytest.mark.parametrize("refocus", [0, 0.5, 1])
def test_an_amateur_that_agrees_with_the_expert_leaves_all_plausible_tokens_equal(refocus: float) -> None:
    step = Step(dict.fromkeys(streams("lol", layer=LAYER, refocus=refocus), GIVEN))

    scores = scored("lol", step, layer=LAYER, refocus=refocus, plausibility=0.05)

    kept = share(GIVEN) >= 0.05
    assert kept.sum() > 3
    assert scores[kept] == pytest.approx(np.zeros(kept.sum()), abs=1e-5)
    assert np.isneginf(scores[~kept]).all()


@pytest.mark.parametrize("refocus", [0.25, 1])
def test_the_refocused_expert_has_a_share_of_the_truthful_prompt(refocus: float) -> None:
    scores = scored("lol", layer=LAYER, omega=2, refocus=refocus, plausibility=0)

    last = log_p((1 - refocus) * GIVEN + refocus * INSTRUCTED) - log_p(FALSE)
    lower = log_p((1 - refocus) * LOW + refocus * LOW_INSTRUCTED) - log_p(LOW_FALSE)
    assert scores == pytest.approx(last + 2 * lower, abs=1e-4)


def test_lol_reads_no_more_than_its_parameters_need() -> None:
    assert streams("lol", omega=0, refocus=0) == (PLAIN, Stream(amateur))
    assert streams("lol", omega=0, refocus=1) == (Stream(truthful), Stream(amateur))
    assert {stream.prompt for stream in streams("lol", refocus=0.5)} == {with_evidence, truthful, amateur}
    assert {stream.layer for stream in streams("lol", layer=25)} == {None, 25}


def test_dola_of_one_layer_is_lol_with_that_exit_for_the_amateur() -> None:
    with_exit = Step({PLAIN: GIVEN, Stream(amateur): LOW})

    special = scored("lol", with_exit, omega=0, refocus=0, plausibility=0.1)

    assert np.array_equal(scored("dola", layers=[LAYER], plausibility=0.1), special)


def test_dola_contrasts_with_the_layer_that_is_farthest() -> None:
    near, far = GIVEN + 0.1 * LOW, -GIVEN
    step = Step({PLAIN: GIVEN, Stream(layer=3): near, Stream(layer=7): far, Stream(layer=9): GIVEN})

    scores = scored("dola", step, layers=[3, 7, 9], plausibility=0)

    assert scores == pytest.approx(log_p(GIVEN) - log_p(far), abs=1e-4)


def test_divergences_are_jensen_shannons() -> None:
    def relative_entropy(p: Array, q: Array) -> float:
        return float((p * np.log(p / q)).sum())

    found = divergences(GIVEN, np.stack([WITHOUT_EVIDENCE, GIVEN, FALSE]))

    p = np.exp(log_p(GIVEN))
    for divergence, other in zip(found, (WITHOUT_EVIDENCE, GIVEN, FALSE), strict=True):
        q = np.exp(log_p(other))
        mean = (p + q) / 2
        exact = (relative_entropy(p, mean) + relative_entropy(q, mean)) / 2
        assert divergence == pytest.approx(exact, abs=1e-5)


def test_divergences_hold_where_tokens_are_impossible_to_both() -> None:
    impossible = np.where(np.arange(100) < 3, GIVEN, np.float32(-500))

    assert divergences(impossible, impossible[None]) == pytest.approx([0], abs=1e-6)


@pytest.mark.parametrize(("bucket", "layers"), [("low", range(2, 16, 2)), ("high", range(16, 32, 2))])
def test_dolas_candidates_in_32_layers_are_those_of_the_paper(bucket: str, layers: range) -> None:
    plain, *candidates = streams("dola", bucket=bucket)

    assert plain == PLAIN
    assert [one.exit_of(32) for one in candidates] == list(layers)


@each("layer, number", [(None, 30), (0, 0), (0.5, 15), (0.85, 25), (0.999, 29), (1, 1), (25.0, 25), (30, 30)])
def test_a_layer_is_a_number_or_a_fraction_of_the_depth(layer: float | None, number: int) -> None:
    assert Stream(layer=layer).exit_of(30) == number


@each("layer", [31, 2.5, -1, float("inf"), float("nan")])
def test_a_layer_that_the_model_does_not_have_is_refused_with_how_many_it_has(layer: float) -> None:
    with pytest.raises(InvalidInput, match="the model has 30"):
        Stream(layer=layer).exit_of(30)


def test_an_unknown_parameter_names_its_field() -> None:
    with pytest.raises(InvalidInput, match="its parameters are: alpha, plausibility") as caught:
        decodings.configure("context_aware", {"beta": 1}, field=at("sampling", "strategy"))

    assert str(caught.value.field) == "sampling.strategy.parameters.beta"


def test_an_unknown_strategy_names_the_choices() -> None:
    with pytest.raises(NotFound) as caught:
        decodings.configure("contrastive")

    assert caught.value.choices == decodings.names()


def choices(sampling: SamplingParameters, count: int = 50, scores: np.ndarray = GIVEN) -> list[int]:
    sampler = Sampler(sampling)
    chosen = []
    for _ in range(count):
        sampler.draw()
        chosen.append(sampler.choose(scores))
    return chosen


def test_temperature_0_takes_the_likeliest() -> None:
    assert set(choices(SamplingParameters())) == {int(GIVEN.argmax())}


def test_the_same_seed_gives_the_same_choices_and_another_one_others() -> None:
    warm = choices(SamplingParameters(temperature=1.5, seed=7))

    assert choices(SamplingParameters(temperature=1.5, seed=7)) == warm
    assert choices(SamplingParameters(temperature=1.5, seed=8)) != warm


def test_without_a_seed_choices_differ_from_request_to_request() -> None:
    assert choices(SamplingParameters(temperature=2.0)) != choices(SamplingParameters(temperature=2.0))


def test_top_k_keeps_the_k_likeliest() -> None:
    best = set(np.argsort(-GIVEN)[:3].tolist())

    assert set(choices(SamplingParameters(temperature=2.0, top_k=3, seed=1), 300)) == best


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))

    assert set(choices(SamplingParameters(temperature=1.0, top_p=0.7, seed=1), 300, scores)) == {0, 1}
    assert set(choices(SamplingParameters(temperature=1.0, top_p=0.01, seed=1), 50, scores)) == {0}


def test_choices_follow_the_distribution() -> None:
    probabilities = np.array([0.6, 0.3, 0.1])
    chosen = choices(
        SamplingParameters(temperature=1.0, seed=3), 4000, np.log(probabilities).astype(np.float32)
    )

    assert np.bincount(chosen) / 4000 == pytest.approx(probabilities, abs=0.03)


def test_an_excluded_token_is_never_chosen() -> None:
    scores = np.array([-np.inf, 0.0, -np.inf, 0.1], np.float32)

    assert set(choices(SamplingParameters(temperature=2.0, seed=1), 200, scores)) == {1, 3}


@each(
    "sampling, field",
    [
        (SamplingParameters(temperature=-0.1), "sampling.temperature"),
        (SamplingParameters(temperature=2.1), "sampling.temperature"),
        (SamplingParameters(temperature=float("nan")), "sampling.temperature"),
        (SamplingParameters(top_p=1.5), "sampling.top_p"),
        (SamplingParameters(top_k=-1), "sampling.top_k"),
        (SamplingParameters(max_tokens=-5), "sampling.max_tokens"),
        (SamplingParameters(seed=-1), "sampling.seed"),
        (SamplingParameters(stop=("end", "")), "sampling.stop[1]"),
    ],
)
def test_a_parameter_out_of_range_names_its_field(sampling: SamplingParameters, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(sampling)

    assert str(caught.value.field) == field
