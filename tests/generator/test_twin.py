"""The twin of an answer: what plain decoding writes for the same request."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from generator.conftest import collect
from support.lab import lab as lab
from support.waiting import until
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput
from tieback.core.types.generation import GenerateRequest
from tieback.generator import Generator
from tieback_contract.answers import FinishReason
from tieback_contract.generation import Evidence, SamplingParameters
from tieback_contract.method_choice import MethodChoice

EVIDENCE = [Evidence("the bridge is open on monday", "a"), Evidence("the library is shut", "b")]
QUESTION = "is the bridge open on monday"
WARM = SamplingParameters(max_tokens=30, temperature=1.0, seed=3)


@pytest.mark.parametrize(
    "strategy",
    [
        MethodChoice("context_aware", {"alpha": 3.0}),
        MethodChoice("lol", {"refocus": 1}),
        MethodChoice("dola"),
    ],
)
@pytest.mark.parametrize("sampling", [WARM, SamplingParameters(max_tokens=30)])
async def test_the_twin_is_what_plain_decoding_writes(
    small_generator: Generator, strategy: MethodChoice, sampling: SamplingParameters
) -> None:
    plain = await collect(small_generator, QUESTION, EVIDENCE, sampling=sampling)
    asked = replace(sampling, strategy=strategy)
    alone = await collect(small_generator, QUESTION, EVIDENCE, sampling=asked)

    answer = await collect(small_generator, QUESTION, EVIDENCE, sampling=replace(asked, twin=True))

    twin = answer.finish.twin
    assert twin is not None
    assert (twin.text, twin.reason) == (plain.text, plain.finish.reason)
    assert twin.completion_tokens == plain.finish.completion_tokens
    assert answer.text == alone.text
    assert answer.finish.completion_tokens == alone.finish.completion_tokens
    assert alone.finish.twin is None


async def test_the_twin_has_the_same_form_and_ends_where_the_answer_must(small_generator: Generator) -> None:
    sampling = SamplingParameters(
        max_tokens=9,
        strategy=MethodChoice("lol"),
        regex="[a-c]{20}",
        log_probabilities=1,
        twin=True,
    )

    answer = await collect(small_generator, "hello", sampling=sampling)

    twin = answer.finish.twin
    assert twin is not None
    assert set(twin.text) <= set("abc")
    assert (twin.reason, twin.completion_tokens) == (FinishReason.LENGTH, 9)


async def test_plain_decoding_has_no_twin(small_generator: Generator) -> None:
    with pytest.raises(InvalidInput, match="plain decoding has no twin") as caught:
        await collect(small_generator, "hello", sampling=SamplingParameters(twin=True))

    assert str(caught.value.field) == "sampling.twin"


async def test_leaving_an_answer_ends_its_twin(small_generator: Generator) -> None:
    endless = SamplingParameters(
        max_tokens=1900,
        strategy=MethodChoice("context_aware"),
        regex="[a-z]{3000}",
        twin=True,
    )
    leaving = small_generator.generate(GenerateRequest("hello", sampling=endless), NO_CALL)
    await anext(leaving)

    await asyncio.wait_for(leaving.aclose(), 10)

    [engine] = small_generator._engines.values()
    await until(lambda: engine.reserved_tokens == 0)
