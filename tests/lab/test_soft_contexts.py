"""Evidence that the model reads as soft tokens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
from generator.conftest import collect
from support import bag_of_words
from tieback.core.errors import InvalidInput, NotFound
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.model import LanguageModel
from tieback_contract.answers import AnswerStyle, Repair
from tieback_contract.generation import Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice
from tieback_lab.methods.context_compression.xrag import start
from tieback_lab.models.learned.soft_context import SoftContext

EVIDENCE = [Evidence("the bridge is open on monday", "a"), Evidence("the library is shut on sunday", "b")]
OTHER = [Evidence("owls fly at night in winter", "a"), Evidence("wrens sing", "b")]
QUESTION = "is the bridge open"
SHORT = SamplingParameters(max_tokens=24)
SOFT = Grounding(soft_prompt="bridge", abstain_below=0.0)


@pytest.fixture
async def generator(small_model: LanguageModel, tmp_path: object) -> AsyncIterator[Generator]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])  # type: ignore[arg-type]
    state = {
        name: 8 * array
        for name, array in start(bag_of_words.WIDTH, small_model.decoder.width, seed=1).items()
    }
    contexts = [
        SoftContext("bridge", "xrag", state, "bag-of-words", small_model.name),
        SoftContext("elsewhere", "xrag", state, "bag-of-words", "another-model"),
    ]
    generator = Generator(
        GeneratorParts([small_model], encoder, space="bag-of-words", slots=2, soft_prompts=contexts)
    )
    yield generator
    await generator.close()
    await encoder.close()


async def test_each_sentence_of_the_excerpt_is_one_token_of_the_prompt(generator: Generator) -> None:
    one = await collect(generator, QUESTION, EVIDENCE[:1], sampling=SHORT, grounding=SOFT)
    two = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=SOFT)
    text = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, style=AnswerStyle.WRITE)

    assert (one.finish.soft_tokens, two.finish.soft_tokens, text.finish.soft_tokens) == (1, 2, 0)
    assert two.finish.prompt_tokens == one.finish.prompt_tokens + 1
    assert text.finish.prompt_tokens > two.finish.prompt_tokens + 40


async def test_what_is_written_depends_on_the_evidence_that_was_compressed(generator: Generator) -> None:
    found = [
        await collect(generator, QUESTION, evidence, sampling=SHORT, grounding=SOFT)
        for evidence in (EVIDENCE, OTHER, EVIDENCE)
    ]

    assert found[0].text == found[2].text
    assert found[0].text != found[1].text


async def test_a_prompt_that_was_read_before_is_used_again_with_the_same_soft_tokens_alone(
    generator: Generator,
) -> None:
    long = QUESTION + " " + "and what of the library " * 4
    fresh = await collect(generator, long, OTHER, sampling=SHORT, grounding=SOFT)

    await collect(generator, long, EVIDENCE, sampling=SHORT, grounding=SOFT)
    other = await collect(generator, long, OTHER, sampling=SHORT, grounding=SOFT)

    assert fresh.finish.reused_tokens == 0
    assert other.finish.reused_tokens > 0
    assert other.text == fresh.text


async def test_compressed_answers_are_written_beside_others(generator: Generator) -> None:
    alone = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=SOFT)

    beside = await asyncio.gather(
        collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=SOFT),
        collect(generator, "hello", sampling=SHORT),
    )

    assert beside[0].finish.soft_tokens == alone.finish.soft_tokens
    assert beside[0].text[:4] == alone.text[:4]


async def test_claims_are_checked_against_the_text_of_the_evidence(generator: Generator) -> None:
    answer = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=SOFT)

    assert len(answer.verdicts) == len(answer.claims)


async def test_claims_are_written_again_from_text(generator: Generator) -> None:
    grounding = replace(SOFT, repair=Repair.REWRITE)

    answer = await collect(generator, QUESTION, EVIDENCE, sampling=SHORT, grounding=grounding)

    assert answer.finish.soft_tokens == 2


async def test_what_does_not_go_with_a_context_is_refused_by_its_field(generator: Generator) -> None:
    lol = replace(SHORT, strategy=MethodChoice("lol"))
    with pytest.raises(NotFound, match="bridge, elsewhere"):
        await collect(generator, QUESTION, EVIDENCE, grounding=replace(SOFT, soft_prompt="nothing"))
    with pytest.raises(InvalidInput, match="learned for another-model") as other:
        await collect(generator, QUESTION, EVIDENCE, grounding=replace(SOFT, soft_prompt="elsewhere"))
    with pytest.raises(InvalidInput, match="plain decoding alone") as strategy:
        await collect(generator, QUESTION, EVIDENCE, sampling=lol, grounding=SOFT)
    with pytest.raises(InvalidInput, match="a quote needs no soft prompt") as quote:
        await collect(generator, QUESTION, EVIDENCE, grounding=SOFT, style=AnswerStyle.QUOTE)

    for error in (other, strategy, quote):
        assert str(error.value.field) == "grounding.soft_prompt"


async def test_a_server_without_contexts_says_how_to_get_one(small_generator: Generator) -> None:
    with pytest.raises(NotFound, match=r"TIEBACK_EXTENSIONS=lab.*TIEBACK_ARTIFACTS"):
        await collect(small_generator, QUESTION, EVIDENCE, grounding=SOFT)


def test_soft_tokens_are_as_wide_as_the_models_states(small_model: LanguageModel) -> None:
    state = start(bag_of_words.WIDTH, small_model.decoder.width, seed=1)
    context = SoftContext("bridge", "xrag", state, "bag-of-words", small_model.name)

    assert context.soft_tokens(np.zeros((2, bag_of_words.WIDTH), np.float32)).shape == (2, 64)
