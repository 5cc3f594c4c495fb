"""Decoding strategies and sampling."""

from __future__ import annotations

import numpy as np
import pytest
from tieback.core.errors import InvalidInput, NotFound
from tieback.core.field_path import at
from tieback.core.types.generation import Decoding
from tieback.generator.sampling import Sampler, check
from tieback.methods.decoding import WITH_EVIDENCE, WITHOUT_EVIDENCE, decodings, streams_of

RANDOM = np.random.default_rng(0)
GIVEN, RECALLED = (RANDOM.standard_normal(100).astype(np.float32) * 3 for _ in range(2))


@pytest.mark.parametrize("name", decodings.names())
def test_every_strategy_reads_the_evidence_and_gives_a_score_per_token(name: str) -> None:
    streams = dict.fromkeys(streams_of(name), GIVEN)

    scores = decodings.configure(name)(streams)

    assert WITH_EVIDENCE in streams
    assert scores.shape == GIVEN.shape
    assert np.isfinite(scores).any()


@pytest.mark.parametrize("name", decodings.names())
def test_a_strategy_over_equal_streams_chooses_as_plain_decoding(name: str) -> None:
    streams = dict.fromkeys(streams_of(name), GIVEN)

    assert decodings.configure(name)(streams) == pytest.approx(GIVEN, abs=1e-5)


def test_context_aware_with_alpha_0_is_plain() -> None:
    contrast = decodings.configure("context_aware", {"alpha": 0})

    assert np.array_equal(contrast({WITH_EVIDENCE: GIVEN, WITHOUT_EVIDENCE: RECALLED}), GIVEN)


def test_context_aware_is_the_papers_formula() -> None:
    scores = decodings.configure("context_aware")({WITH_EVIDENCE: GIVEN, WITHOUT_EVIDENCE: RECALLED})

    assert scores == pytest.approx(1.5 * GIVEN - 0.5 * RECALLED, abs=1e-5)


def test_the_plausibility_mask_excludes_what_the_evidence_makes_unlikely() -> None:
    contrast = decodings.configure("context_aware", {"plausibility": 0.1})

    scores = contrast({WITH_EVIDENCE: GIVEN, WITHOUT_EVIDENCE: RECALLED})
    share = np.exp(GIVEN - GIVEN.max())

    assert np.array_equal(np.isfinite(scores), share >= 0.1)


def test_an_unknown_parameter_names_its_field() -> None:
    with pytest.raises(InvalidInput, match="its parameters are: alpha, plausibility") as caught:
        decodings.configure("context_aware", {"beta": 1}, field=at("decoding", "strategy"))

    assert str(caught.value.field) == "decoding.strategy.parameters.beta"


def test_an_unknown_strategy_names_the_choices() -> None:
    with pytest.raises(NotFound, match="context_aware, plain"):
        decodings.configure("contrastive")


def choices(decoding: Decoding, count: int = 50, scores: np.ndarray = GIVEN) -> list[int]:
    sampler = Sampler(decoding)
    chosen = []
    for _ in range(count):
        sampler.draw()
        chosen.append(sampler.choose(scores))
    return chosen


def test_temperature_0_takes_the_likeliest() -> None:
    assert set(choices(Decoding())) == {int(GIVEN.argmax())}


def test_the_same_seed_gives_the_same_choices_and_another_one_others() -> None:
    warm = choices(Decoding(temperature=1.5, seed=7))

    assert choices(Decoding(temperature=1.5, seed=7)) == warm
    assert choices(Decoding(temperature=1.5, seed=8)) != warm


def test_without_a_seed_choices_differ_from_request_to_request() -> None:
    assert choices(Decoding(temperature=2.0)) != choices(Decoding(temperature=2.0))


def test_top_k_keeps_the_k_likeliest() -> None:
    best = set(np.argsort(-GIVEN)[:3].tolist())

    assert set(choices(Decoding(temperature=2.0, top_k=3, seed=1), 300)) == best


def test_top_p_keeps_the_smallest_set_that_reaches_it() -> None:
    scores = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))

    assert set(choices(Decoding(temperature=1.0, top_p=0.7, seed=1), 300, scores)) == {0, 1}
    assert set(choices(Decoding(temperature=1.0, top_p=0.01, seed=1), 50, scores)) == {0}


def test_choices_follow_the_distribution() -> None:
    probabilities = np.array([0.6, 0.3, 0.1])
    chosen = choices(Decoding(temperature=1.0, seed=3), 4000, np.log(probabilities).astype(np.float32))

    assert np.bincount(chosen) / 4000 == pytest.approx(probabilities, abs=0.03)


def test_an_excluded_token_is_never_chosen() -> None:
    scores = np.array([-np.inf, 0.0, -np.inf, 0.1], np.float32)

    assert set(choices(Decoding(temperature=2.0, seed=1), 200, scores)) == {1, 3}


@pytest.mark.parametrize(
    ("decoding", "field"),
    [
        (Decoding(temperature=-0.1), "decoding.temperature"),
        (Decoding(temperature=2.1), "decoding.temperature"),
        (Decoding(temperature=float("nan")), "decoding.temperature"),
        (Decoding(top_p=1.5), "decoding.top_p"),
        (Decoding(top_k=-1), "decoding.top_k"),
        (Decoding(max_tokens=-5), "decoding.max_tokens"),
        (Decoding(seed=-1), "decoding.seed"),
        (Decoding(stop=("end", "")), "decoding.stop[1]"),
    ],
)
def test_a_parameter_out_of_range_names_its_field(decoding: Decoding, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(decoding)

    assert str(caught.value.field) == field
