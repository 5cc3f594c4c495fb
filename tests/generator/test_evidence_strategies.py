"""RITUAL, VCD, M3ID, ICD: their scores, what they do to evidence, when they are plain decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from generator.conftest import collect
from support.each import each
from support.lab import lab as lab
from tieback.generator import Generator
from tieback.generator.writing import StrategyStreams
from tieback.generator.writing.prompting import plain_request
from tieback.generator.writing.sampling import Sampler
from tieback.methods.decoding import (
    PLAIN,
    EvidenceTransform,
    Step,
    Stream,
    amateur,
    decodings,
    streams_of,
    with_evidence,
    without_evidence,
)
from tieback_contract.arrays import Array
from tieback_contract.field_path import ROOT
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

SEEDS = range(12)
EXCERPT = ["The bridge was built in 1884. It is long.", "Maria Weber built it, as Dr. Ames says."]
SENTENCES = ["The bridge was built in 1884.", "It is long.", "Maria Weber built it, as Dr. Ames says."]
TWO_VIEWS = ["context_aware", "icd", "m3id", "ritual", "vcd"]
NEUTRAL: dict[str, dict[str, Any]] = {
    "context_aware": {"alpha": 0},
    "icd": {"alpha": 0},
    "m3id": {"rate": 0},
    "ritual": {"alpha": 0},
    "vcd": {"alpha": 0},
}


def drawn(seed: int, size: int = 200) -> Array:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32) * 4


def step_of(name: str, seed: int, position: int = 0, **parameters: Any) -> Step:
    """A step with other logits in each stream."""
    streams = streams_of(name, parameters)
    logits = {stream: drawn(100 * place + seed) for place, stream in enumerate(streams)}
    return Step(logits, position)


def scored(name: str, step: Step, **parameters: Any) -> Array:
    return decodings.configure(name, parameters)(step)


def shares(scores: Array) -> Array:
    """The distribution that is sampled from."""
    exact = scores.astype(np.float64)
    weights = np.exp(exact - exact.max())
    return np.asarray(weights / weights.sum())


def masked(logits: Array, plausibility: float) -> Array:
    return np.where(np.exp(logits - logits.max()) >= plausibility, logits, -np.inf)


def shown(name: Any, seed: int = 0, share: float = 0.5, excerpt: Sequence[str] = EXCERPT) -> tuple[str, ...]:
    return EvidenceTransform(name, share)(plain_request("who?", excerpt, seed=seed)).excerpt


@each("plausibility", [0.0, 0.1])
@each("name", TWO_VIEWS)
def test_with_neutral_parameters_every_strategy_is_plain_decoding_among_the_plausible(
    name: str, plausibility: float
) -> None:
    for seed in SEEDS:
        step = step_of(name, seed, position=7)

        scores = scored(name, step, **NEUTRAL[name], plausibility=plausibility)

        assert shares(scores) == pytest.approx(shares(masked(step.logits[PLAIN], plausibility)), abs=1e-5)


@each("name", TWO_VIEWS)
def test_a_second_stream_that_says_the_same_changes_no_greedy_choice(name: str) -> None:
    for seed in SEEDS:
        step = Step(dict.fromkeys(streams_of(name, {}), drawn(seed)), position=30)

        assert scored(name, step).argmax() == drawn(seed).argmax()


@each("name", TWO_VIEWS)
def test_the_mask_is_of_the_original_stream_alone(name: str) -> None:
    for seed in SEEDS:
        step = step_of(name, seed, position=30)

        scores = scored(name, step, plausibility=0.2)

        assert np.array_equal(np.isfinite(scores), np.isfinite(masked(step.logits[PLAIN], 0.2)))


@pytest.mark.parametrize("alpha", [0.5, 1.0, 3.0])
def test_ritual_without_a_transform_is_plain_decoding_at_a_lower_temperature(alpha: float) -> None:
    for seed in SEEDS:
        logits = drawn(seed)

        scores = scored("ritual", Step({PLAIN: logits}), transform="none", alpha=alpha)

        colder = shares(masked(logits, 0.1) * (1 + alpha))
        assert shares(scores) == pytest.approx(colder, abs=1e-5)
        warm = Sampler(SamplingParameters(temperature=1.0, seed=seed))
        matched = Sampler(SamplingParameters(temperature=1 / (1 + alpha), seed=seed))
        for _ in range(20):
            warm.draw()
            matched.draw()
            assert warm.choose(scores) == matched.choose(masked(logits, 0.1).astype(np.float32))


def test_ritual_adds_the_transformed_view() -> None:
    step = step_of("ritual", 1)
    given, view = step.logits.values()

    assert scored("ritual", step, plausibility=0) == pytest.approx(given + 3 * view, abs=1e-4)


def test_vcd_takes_away_what_is_said_of_noise() -> None:
    step = step_of("vcd", 1)
    given, noisy = step.logits.values()

    assert scored("vcd", step, plausibility=0) == pytest.approx(2 * given - noisy, abs=1e-4)


def test_m3id_begins_as_plain_decoding_and_grows_with_the_answer() -> None:
    step = step_of("m3id", 1)
    given, without = step.logits[PLAIN], step.logits[Stream(without_evidence)]

    first = scored("m3id", step, plausibility=0)
    later = scored("m3id", Step(step.logits, position=50), plausibility=0)

    assert np.array_equal(first, given)
    weight = (1 - np.exp(-0.02 * 50)) / np.exp(-0.02 * 50)
    assert later == pytest.approx(given + weight * (given - without), abs=1e-3)


def test_m3id_amplifies_nothing_where_the_model_is_sure() -> None:
    step = step_of("m3id", 1, position=50)
    likeliest = float(shares(step.logits[PLAIN]).max())

    def changes(sure: float) -> bool:
        return not np.array_equal(scored("m3id", step, sure=sure, plausibility=0), step.logits[PLAIN])

    assert not changes(likeliest - 0.01)
    assert changes(likeliest + 0.01)
    assert not changes(0)


def test_m3ids_scores_stay_numbers_in_answers_of_any_length() -> None:
    step = step_of("m3id", 1, position=100_000)

    assert np.isfinite(scored("m3id", step, rate=1, plausibility=0)).all()


def test_icd_orders_tokens_as_the_paper_and_ends_at_lol_without_a_lower_layer() -> None:
    step = Step({PLAIN: drawn(1), Stream(amateur): drawn(2)})

    ours = scored("icd", step, alpha=0.5, plausibility=0)

    expert, induced = (np.log(shares(step.logits[one])) for one in (PLAIN, Stream(amateur)))
    assert ours == pytest.approx(0.5 * (3 * expert - induced), abs=1e-3)  # beta of 3
    difference = scored("lol", step, omega=0, refocus=0, plausibility=0)
    assert scored("icd", step, alpha=10, plausibility=0) - expert == pytest.approx(10 * difference, abs=1e-3)


def test_drop_leaves_out_one_sentence() -> None:
    for seed in SEEDS:
        found = shown("drop", seed)

        assert len(found) == 2
        assert list(found) == [sentence for sentence in SENTENCES if sentence in found]


def test_shuffle_keeps_the_sentences_and_changes_their_order() -> None:
    for seed in SEEDS:
        found = shown("shuffle", seed)

        assert sorted(found) == sorted(SENTENCES)
        assert list(found) != SENTENCES


def test_mask_takes_the_place_of_a_share_of_the_words() -> None:
    words = " ".join(SENTENCES).split()
    for seed in SEEDS:
        found = " ".join(shown("mask", seed, share=0.25)).split()

        assert len(found) == len(words)
        assert found.count("_") == round(0.25 * len(words))
        assert all(one in ("_", word) for one, word in zip(found, words, strict=True))
    assert set(" ".join(shown("mask", share=1)).split()) == {"_"}
    assert " ".join(shown("mask", share=0.001)).split().count("_") == 1


def test_a_transform_depends_on_the_seed_and_the_evidence_alone() -> None:
    assert shown("random", 5) == shown("random", 5)
    assert len({shown("random", seed) for seed in range(30)}) > 5
    request = plain_request("who?", EXCERPT, seed=3)
    kinds = {EvidenceTransform("random", 0.5).drawn(plain_request("", EXCERPT, seed=n)) for n in range(30)}
    assert kinds == {"drop", "shuffle", "mask"}
    changed = EvidenceTransform("random", 0.5)(request)
    assert (changed.question, changed.instruction, changed.examples) == (
        *(request.question, request.instruction),
        request.examples,
    )


@pytest.mark.parametrize("name", ["drop", "shuffle"])
def test_one_sentence_is_neither_dropped_nor_shuffled(name: Any) -> None:
    one = plain_request("who?", ["Only this."])

    assert EvidenceTransform(name, 0.5)(one) is one
    assert EvidenceTransform(name, 0.5).drawn(one) == "none"
    assert {
        EvidenceTransform("random", 0.5).drawn(plain_request("", ["Only this."], seed=n)) for n in SEEDS
    } == {"mask"}


def test_without_evidence_nothing_is_transformed() -> None:
    bare = plain_request("who?", [])

    for name in ("random", "drop", "shuffle", "mask"):
        assert EvidenceTransform(name, 0.5)(bare) is bare


def test_streams_whose_prompts_are_the_same_are_read_once() -> None:
    streams = (PLAIN, Stream(without_evidence), Stream(amateur))
    read = StrategyStreams.of(streams, 30, ROOT)

    shared, prompts = read.shared({with_evidence: [1, 2], without_evidence: [1, 2], amateur: [3]})

    assert prompts == {with_evidence: [1, 2], amateur: [3]}
    logits = shared.logits({with_evidence: drawn(1)[None], amateur: drawn(2)[None]})
    assert logits[PLAIN] is not None
    assert np.array_equal(logits[Stream(without_evidence)], logits[PLAIN])
    assert np.array_equal(logits[Stream(amateur)], drawn(2))


@pytest.mark.parametrize("name", ["context_aware", "m3id", "vcd"])
async def test_without_evidence_contrasts_with_it_cost_no_second_prompt_and_change_nothing(
    small_generator: Generator, name: str
) -> None:
    warm = SamplingParameters(max_tokens=20, temperature=1.0, seed=3)
    plain = await collect(small_generator, "hello", sampling=warm)
    sampling = replace(warm, strategy=MethodChoice(name, {"plausibility": 0}))

    found = await collect(small_generator, "hello", sampling=sampling)

    assert found.text == plain.text
    assert found.finish.prompt_tokens == plain.finish.prompt_tokens
    assert found.finish.changed_tokens == 0


async def test_what_was_drawn_for_the_evidence_is_reported(small_generator: Generator) -> None:
    evidence = [
        Evidence("The bridge is open on monday. It is shut on sunday.", "a"),
        Evidence("The sea is wide.", "b"),
    ]
    found: set[str] = set()
    for seed in range(8):
        sampling = SamplingParameters(max_tokens=2, seed=seed, strategy=MethodChoice("ritual"))
        answer = await collect(
            small_generator,
            "is the bridge open",
            evidence,
            sampling=sampling,
            grounding=Grounding(abstain_below=0.0),
        )
        found.update(answer.finish.evidence_transforms)
    plain = await collect(
        small_generator, "is the bridge open", evidence, sampling=SamplingParameters(max_tokens=2)
    )

    assert found <= {"drop", "shuffle", "mask"}
    assert len(found) > 1
    assert plain.finish.evidence_transforms == []
