"""The generator service: streams, slots, bad input, with a small model."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from generator.conftest import collect
from support.acting import begun
from support.each import each
from support.lab import lab as lab
from support.waiting import until
from tieback.core.call import NO_CALL
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, Overloaded, RateExceeded
from tieback.core.tenant import Principal, TenantQuota
from tieback.core.types.generation import GenerateRequest
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.model import LanguageModel
from tieback_contract.answers import AbstentionReason, FinishReason, TextDelta
from tieback_contract.claims import Claim, Verdict, VerdictLabel
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice

EVIDENCE = [Evidence("the bridge is open on monday", "a"), Evidence("the library is shut", "b")]
QUESTION = "is the bridge open on monday"
WARM = SamplingParameters(max_tokens=40, temperature=1.0, seed=3)


async def test_text_comes_as_it_is_written_and_the_finish_comes_last(small_generator: Generator) -> None:
    answer = await collect(
        small_generator, "hello", sampling=SamplingParameters(max_tokens=20, temperature=1.0, seed=1)
    )

    assert answer.finish.completion_tokens <= 20
    assert sum(isinstance(event, TextDelta) for event in answer.events) > 3
    assert answer.finish.timing.compute > 0
    assert 0 < answer.finish.first_token < answer.finish.timing.total


async def test_each_claim_follows_the_text_that_holds_it_with_its_verdict_after_it(
    small_generator: Generator,
) -> None:
    answer = await collect(small_generator, QUESTION, EVIDENCE, sampling=WARM)

    seen = b""
    waiting: list[int] = []
    for event in answer.events:
        if isinstance(event, TextDelta):
            assert not waiting
            seen += event.text.encode()
        elif isinstance(event, Claim):
            waiting.append(event.id)
            assert seen[event.span[0] : event.span[1]].decode() == event.text
        elif isinstance(event, Verdict):
            assert waiting.pop() == event.claim_id
    assert answer.claims


async def test_greedy_answers_repeat(small_generator: Generator) -> None:
    first, second = [
        await collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=12)) for _ in "ab"
    ]

    assert first.text == second.text


async def test_a_seed_makes_a_sampled_answer_repeat(small_generator: Generator) -> None:
    first, second = [await collect(small_generator, "hello", sampling=WARM) for _ in "ab"]
    other = await collect(
        small_generator, "hello", sampling=SamplingParameters(max_tokens=40, temperature=1.0, seed=4)
    )

    assert first.text == second.text != other.text


async def test_a_stop_text_ends_the_answer_before_it(small_generator: Generator) -> None:
    whole = (await collect(small_generator, "hello", sampling=WARM)).text
    stop = whole[8:11]

    answer = await collect(
        small_generator,
        "hello",
        sampling=SamplingParameters(max_tokens=40, temperature=1.0, seed=3, stop=(stop,)),
    )

    assert answer.text == whole[: whole.index(stop)]
    assert answer.finish.reason is FinishReason.STOP


async def test_the_limit_of_tokens_ends_the_answer(small_generator: Generator) -> None:
    answer = await collect(
        small_generator, "hello", sampling=SamplingParameters(max_tokens=5, temperature=1.0, seed=3)
    )

    assert answer.finish.reason is FinishReason.LENGTH
    assert answer.finish.completion_tokens == 5


async def test_leaving_in_mid_stream_frees_the_slot(small_generator: Generator) -> None:
    events = small_generator.generate(
        GenerateRequest("hello", sampling=SamplingParameters(max_tokens=400)), NO_CALL
    )
    await anext(events)
    assert small_generator.load.active_items == 1

    await events.aclose()

    assert small_generator.load.active_items == 0
    assert small_generator.load.dropped_cancelled == 1
    assert (await collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=1))).finish


async def test_cancelling_the_task_frees_the_slot(small_generator: Generator) -> None:
    task = asyncio.create_task(collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=400)))
    await until(lambda: small_generator.load.active_items)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert small_generator.load.active_items == 0
    assert small_generator.load.dropped_cancelled == 1


async def test_a_request_that_is_cancelled_while_it_waits_leaves_the_queue(
    small_generator: Generator,
) -> None:
    holder = small_generator.generate(
        GenerateRequest("hello", sampling=SamplingParameters(max_tokens=400)), NO_CALL
    )
    await anext(holder)
    waiting = asyncio.create_task(collect(small_generator, "hello"))
    await until(lambda: small_generator.load.queued_items)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert small_generator.load.queued_items == 0
    await holder.aclose()


async def test_a_deadline_ends_the_answer_within_a_token(small_generator: Generator) -> None:
    with pytest.raises(DeadlineExceeded):
        await collect(
            small_generator,
            "hello",
            sampling=SamplingParameters(max_tokens=450),
            deadline=Deadline.after(0.02),
        )

    assert small_generator.load.dropped_deadline == 1
    assert small_generator.load.active_items == 0


async def test_an_answer_without_a_deadline_ends_after_the_servers_seconds(
    small_model: LanguageModel, small_generator: Generator
) -> None:
    generator = Generator(
        GeneratorParts([small_model], small_generator._reader._encoder, space="bag-of-words", seconds=0.005)
    )

    with pytest.raises(DeadlineExceeded):
        await collect(generator, "hello", sampling=SamplingParameters(max_tokens=1900))

    assert generator.load.active_items == 0
    await generator.close()


async def test_a_reader_that_stops_reading_does_not_keep_others_from_being_answered(
    small_generator: Generator,
) -> None:
    slow = small_generator.generate(
        GenerateRequest("hello", sampling=SamplingParameters(max_tokens=200)), NO_CALL
    )
    await anext(slow)

    async with asyncio.timeout(20):
        answer = await collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=5))

    assert answer.finish.completion_tokens == 5
    rest = [event async for event in slow]
    assert sum(len(event.text) for event in rest if isinstance(event, TextDelta)) > 10
    assert small_generator.load.dropped_cancelled == 0


async def test_cancelling_with_the_longest_stop_texts_frees_the_slot_at_once(
    small_generator: Generator,
) -> None:
    stops = tuple("a" * 254 + f"{number:02}" for number in range(16))
    task = asyncio.create_task(
        collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=1900, stop=stops))
    )
    await until(lambda: small_generator.load.active_items)

    began = time.monotonic()
    task.cancel()
    await collect(small_generator, "hello", sampling=SamplingParameters(max_tokens=1))

    assert time.monotonic() - began < 0.5
    assert task.cancelled() or task.done()


async def test_a_passed_deadline_begins_nothing(small_generator: Generator) -> None:
    with pytest.raises(DeadlineExceeded, match="before the answer was begun"):
        await collect(small_generator, "hello", deadline=Deadline.after(-1))


async def test_a_request_whose_deadline_passes_in_the_queue_is_dropped(small_generator: Generator) -> None:
    holder = small_generator.generate(
        GenerateRequest("hello", sampling=SamplingParameters(max_tokens=400)), NO_CALL
    )
    await anext(holder)

    with pytest.raises(DeadlineExceeded, match="waited for a slot"):
        await collect(small_generator, "hello", deadline=Deadline.after(0.02))

    await holder.aclose()
    assert small_generator.load.dropped_deadline == 1


async def test_what_waits_is_bounded_in_tokens(
    small_model: LanguageModel, small_generator: Generator
) -> None:
    generator = Generator(
        GeneratorParts(
            [small_model],
            small_generator._reader._encoder,
            space="bag-of-words",
            slots=1,
            limits=Limits(queued_tokens=2000),
        )
    )
    long = SamplingParameters(max_tokens=1900, regex="[a-z]{3000}")
    holder = generator.generate(GenerateRequest("hello", sampling=long), NO_CALL)
    await anext(holder)
    waiting = [asyncio.create_task(collect(generator, "hi", sampling=SamplingParameters(max_tokens=9)))]
    await until(lambda: generator.load.queued_items)

    with pytest.raises(Overloaded) as caught:
        await collect(generator, "hello", sampling=long)

    assert caught.value.retry_after > 0
    assert generator.load.rejected == 1
    await holder.aclose()
    await asyncio.gather(*waiting)
    await generator.close()


async def test_without_evidence_claims_are_not_checked(small_generator: Generator) -> None:
    answer = await collect(small_generator, "hello", sampling=WARM)

    assert {verdict.label for verdict in answer.verdicts} == {VerdictLabel.NOT_CHECKED}
    assert not answer.citations


async def test_evidence_that_was_asked_for_and_is_missing_is_an_abstention(
    small_generator: Generator,
) -> None:
    answer = await collect(small_generator, "hello", grounding=Grounding(abstain_below=0.5))

    assert answer.text == ""
    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.NO_EVIDENCE
    assert answer.finish.reason is FinishReason.ABSTAINED


async def test_evidence_on_another_matter_is_an_abstention(small_generator: Generator) -> None:
    answer = await collect(small_generator, "who painted mona lisa", EVIDENCE)

    assert answer.text == ""
    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.WEAK_EVIDENCE
    assert answer.abstention.score < answer.abstention.threshold
    assert small_generator.load.tokens_per_second == 0


async def test_an_answer_that_the_evidence_does_not_support_is_taken_back(small_generator: Generator) -> None:
    answer = await collect(small_generator, QUESTION, EVIDENCE, sampling=WARM)

    assert answer.text
    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.UNSUPPORTED_ANSWER
    assert answer.finish.reason is FinishReason.ABSTAINED


async def test_a_threshold_of_0_always_answers(small_generator: Generator) -> None:
    grounding = Grounding(abstain_below=0.0)

    answer = await collect(
        small_generator, "who painted mona lisa", EVIDENCE, sampling=WARM, grounding=grounding
    )

    assert answer.text
    assert answer.abstention is None


async def test_disabled_grounding_checks_nothing(small_generator: Generator) -> None:
    grounding = Grounding(disabled=True)

    answer = await collect(small_generator, QUESTION, EVIDENCE, sampling=WARM, grounding=grounding)

    assert {verdict.label for verdict in answer.verdicts} == {VerdictLabel.NOT_CHECKED}
    assert answer.abstention is None


async def test_passages_without_a_word_bear_on_nothing(small_generator: Generator) -> None:
    answer = await collect(small_generator, QUESTION, [Evidence("", "a"), Evidence(" \n ", "b")])

    assert answer.abstention is not None
    assert answer.abstention.reason is AbstentionReason.WEAK_EVIDENCE


@each(
    "how, field",
    [
        ({"prompt": "  "}, "prompt"),
        ({"prompt": "a\ud800"}, "prompt"),
        ({"prompt": "x " * 1100}, "prompt"),
        ({"evidence": [Evidence("x", "a"), Evidence("y", "a")]}, "evidence[1].id"),
        ({"evidence": [Evidence("x\udfff", "a")]}, "evidence[0].text"),
        ({"evidence": [Evidence("Owls hoot. Wrens fly! " * 400, "a")]}, "evidence"),
        ({"prompt": "x" * 40_000}, "prompt"),
        ({"sampling": SamplingParameters(stop=["x"] * 17)}, "sampling.stop"),
        ({"sampling": SamplingParameters(stop=["x", "é" * 129])}, "sampling.stop[1]"),
        ({"sampling": SamplingParameters(stop=["x" * 1_000_000])}, "sampling.stop[0]"),
        ({"evidence": [Evidence("x" * 300_000, "a")]}, "evidence"),
        ({"sampling": SamplingParameters(temperature=9)}, "sampling.temperature"),
        ({"sampling": SamplingParameters(max_tokens=100_000)}, "sampling.max_tokens"),
        (
            {"sampling": SamplingParameters(strategy=MethodChoice("context_aware", {"alpha": -1}))},
            "sampling.strategy.parameters.alpha",
        ),
        (
            {"sampling": SamplingParameters(strategy=MethodChoice("lol", {"layer": 3}))},
            "sampling.strategy.parameters",
        ),
        (
            {"sampling": SamplingParameters(strategy=MethodChoice("dola", {"layers": [1, -1]}))},
            "sampling.strategy.parameters.layers[1]",
        ),
        (
            {"grounding": Grounding(checker=MethodChoice("lexical_embedding", {"supported": 2}))},
            "grounding.checker.parameters.supported",
        ),
        ({"grounding": Grounding(abstain_below=1.5)}, "grounding.abstain_below"),
        ({"grounding": Grounding(abstain_below=float("nan"))}, "grounding.abstain_below"),
    ],
)
async def test_bad_input_names_its_field(small_generator: Generator, how: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await collect(small_generator, **({"prompt": "hello"} | how))

    assert str(caught.value.field) == field
    assert small_generator.load.active_items == 0


@pytest.mark.parametrize(
    "how",
    [
        {"model": "large"},
        {"sampling": SamplingParameters(strategy=MethodChoice("beam"))},
        {"grounding": Grounding(checker=MethodChoice("oracle"))},
    ],
)
async def test_an_unknown_model_or_method_names_the_choices(
    small_generator: Generator, how: dict[str, Any]
) -> None:
    with pytest.raises(NotFound) as caught:
        await collect(small_generator, "hello", **how)

    assert caught.value.choices


async def test_a_tenant_that_has_used_its_tokens_per_second_is_refused_and_others_are_not(
    small_generator: Generator,
) -> None:
    limited = Principal("a", quota=TenantQuota(tokens_per_second=1))
    sampling = SamplingParameters(max_tokens=20)
    await begun(limited, collect(small_generator, "hello", sampling=sampling))

    with pytest.raises(RateExceeded) as caught:
        await begun(limited, collect(small_generator, "hello", sampling=sampling))
    await begun(Principal("b"), collect(small_generator, "hello", sampling=sampling))

    assert 0 < caught.value.retry_after < 120
    assert small_generator.load.queued_items == small_generator.load.active_items == 0
