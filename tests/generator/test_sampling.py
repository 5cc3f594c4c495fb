"""How a token is chosen: limits, penalties, log-probabilities."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from generator.conftest import collect
from support.each import each
from tieback.core.errors import InvalidInput
from tieback.generator import Generator
from tieback.generator.writing.sampling import RepetitionPenalty, Sampler
from tieback_contract.answers import TextDelta, TokenScores
from tieback_contract.generation import Grounding, SamplingParameters

LOGITS = np.log(np.array([0.5, 0.3, 0.15, 0.05], np.float32))
GREEDY = SamplingParameters(max_tokens=24)
FREE = Grounding(disabled=True)


def counts(sampling: SamplingParameters, draws: int = 2000) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    sampler = Sampler(sampling)
    found = np.zeros(len(LOGITS), np.int64)
    for _ in range(draws):
        sampler.draw()
        found[sampler.choose(LOGITS)] += 1
    return found


@each("least, kept", [(0.0, 4), (0.05, 4), (0.2, 3), (0.5, 2), (0.7, 1), (1.0, 1)])
def test_min_p_keeps_tokens_by_their_ratio_to_the_likeliest(least: float, kept: int) -> None:
    found = counts(SamplingParameters(temperature=1.0, min_p=least, seed=1))

    assert np.count_nonzero(found) == kept
    assert found[:kept].all()


def test_min_p_is_of_the_distribution_after_the_temperature() -> None:
    assert np.count_nonzero(counts(SamplingParameters(temperature=2.0, min_p=0.2, seed=1))) == 4


def test_the_penalty_divides_positive_scores_and_multiplies_negative_ones() -> None:
    penalty = RepetitionPenalty(2.0, [0])
    penalty.add(2)

    scores = penalty.apply(np.array([3.0, 3.0, -3.0, -3.0], np.float32))

    assert scores.tolist() == [1.5, 3.0, -6.0, -3.0]


@pytest.mark.parametrize("factor", [0.0, 1.0])
def test_a_neutral_penalty_returns_the_scores_as_they_are(factor: float) -> None:
    assert RepetitionPenalty(factor, [0, 1]).apply(LOGITS) is LOGITS


async def test_neutral_parameters_write_what_plain_greedy_decoding_writes(small_generator: Generator) -> None:
    plain = await collect(small_generator, "hello", sampling=GREEDY)
    neutral = replace(
        GREEDY, min_p=0.5, top_k=7, top_p=0.5, repetition_penalty=1.0, log_probabilities=3, seed=9
    )

    answer = await collect(small_generator, "hello", sampling=neutral)

    assert answer.text == plain.text
    assert answer.finish.changed_tokens == 0


async def test_a_penalty_keeps_an_answer_from_repeating_itself(small_generator: Generator) -> None:
    def repeats(text: str) -> int:
        return len(text) - len(set(text))

    plain = await collect(small_generator, "a", sampling=replace(GREEDY, max_tokens=60), grounding=FREE)
    penalised = await collect(
        small_generator,
        "a",
        sampling=replace(GREEDY, max_tokens=60, repetition_penalty=2.0),
        grounding=FREE,
    )

    assert repeats(penalised.text) < repeats(plain.text)


async def test_log_probabilities_come_for_every_token_before_its_text(small_generator: Generator) -> None:
    answer = await collect(
        small_generator, "hello", sampling=replace(GREEDY, log_probabilities=3), grounding=FREE
    )

    kinds = [type(event) for event in answer.events if isinstance(event, TextDelta | TokenScores)]
    tokens = [one for event in answer.events if isinstance(event, TokenScores) for one in event.tokens]
    assert kinds[0] is TokenScores
    assert len(tokens) == answer.finish.completion_tokens
    for token in tokens:
        best = [one.log_probability for one in token.alternatives]
        assert len(best) == 3
        assert best == sorted(best, reverse=True)
        assert token.chosen == token.alternatives[0]  # greedy
        assert math.fsum(map(math.exp, best)) <= 1 + 1e-6


async def test_without_alternatives_the_chosen_tokens_score_comes_alone(small_generator: Generator) -> None:
    sampling = SamplingParameters(max_tokens=6, temperature=1.0, seed=2, log_probabilities=0)
    answer = await collect(small_generator, "hello", sampling=sampling, grounding=FREE)

    tokens = [one for event in answer.events if isinstance(event, TokenScores) for one in event.tokens]
    assert len(tokens) == 6
    assert all(not token.alternatives and token.chosen.log_probability < 0 for token in tokens)


@pytest.mark.parametrize(
    ("field", "sampling"),
    [
        ("sampling.min_p", SamplingParameters(min_p=1.5)),
        ("sampling.min_p", SamplingParameters(min_p=-0.1)),
        ("sampling.repetition_penalty", SamplingParameters(repetition_penalty=2.5)),
        ("sampling.repetition_penalty", SamplingParameters(repetition_penalty=-1.0)),
        ("sampling.log_probabilities", SamplingParameters(log_probabilities=21)),
    ],
)
async def test_a_parameter_out_of_its_range_is_refused_with_its_field_and_range(
    small_generator: Generator, field: str, sampling: SamplingParameters
) -> None:
    with pytest.raises(InvalidInput, match="between 0 and") as refused:
        await collect(small_generator, "hello", sampling=sampling)

    assert str(refused.value.field) == field
