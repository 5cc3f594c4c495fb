"""Strategies in the generator: what each reads and counts, and one that is a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from generator.conftest import collect
from support.each import each
from support.lab import all_names
from support.lab import lab as lab
from tieback.core.errors import NotFound
from tieback.generator import Generator
from tieback.methods import decoding as family
from tieback.methods.decoding import decodings
from tieback.models.language.model import LanguageModel
from tieback_contract.generation import Evidence, SamplingParameters
from tieback_contract.method_choice import MethodChoice

EVIDENCE = [Evidence("the bridge is open on monday", "a"), Evidence("the library is shut", "b")]
QUESTION = "is the bridge open on monday"
WARM = SamplingParameters(max_tokens=40, temperature=1.0, seed=3)

SPELLING = '''
"""Writes a word given as tokens, whatever the model says, and then what the model says when shouted at."""

from dataclasses import replace

import numpy as np

from tieback.methods.decoding import EXCLUDED, Stream, decodings


def shouted(asked):
    return replace(asked, question=asked.question.upper() + "!")


LOUD = Stream(shouted, layer=0.5)


def streams():
    return (LOUD,)


@decodings.method
def spelling(step, *, word: tuple[int, ...] = (72, 105)):
    """The word's tokens first; each is told by the state to the next."""
    assert step.state.get("steps", 0) == step.position
    step.state["steps"] = step.position + 1
    scores = step.logits[LOUD]
    if step.position < len(word):
        scores = np.full_like(scores, EXCLUDED)
        scores[word[step.position]] = 0
    return scores
'''

FOREIGN = '''
"""Reads a model that nobody serves."""

from tieback.methods.decoding import PLAIN, Stream, decodings


def streams():
    return (PLAIN, Stream(model="recogniser"))


@decodings.method
def foreign(step):
    """Never gets there."""
    raise AssertionError
'''


async def test_context_aware_with_alpha_0_writes_what_plain_writes(small_generator: Generator) -> None:
    strategy = MethodChoice("context_aware", {"alpha": 0.0})
    plain = await collect(small_generator, QUESTION, EVIDENCE, sampling=WARM)
    contrast = await collect(
        small_generator,
        QUESTION,
        EVIDENCE,
        sampling=SamplingParameters(max_tokens=40, temperature=1.0, seed=3, strategy=strategy),
    )

    assert contrast.text == plain.text
    assert contrast.finish.changed_tokens == 0
    assert contrast.finish.prompt_tokens > plain.finish.prompt_tokens


async def test_tokens_that_a_strategy_changed_are_counted(small_generator: Generator) -> None:
    strategy = MethodChoice("context_aware", {"alpha": 3.0})

    answer = await collect(
        small_generator,
        QUESTION,
        EVIDENCE,
        sampling=SamplingParameters(max_tokens=40, temperature=1.0, seed=3, strategy=strategy),
    )

    assert answer.finish.changed_tokens is not None
    assert 0 < answer.finish.changed_tokens <= answer.finish.completion_tokens


@each("name", all_names(decodings))
async def test_every_strategy_writes_the_same_answer_for_the_same_seed(
    small_generator: Generator, name: str
) -> None:
    sampling = SamplingParameters(max_tokens=12, temperature=1.0, seed=3, strategy=MethodChoice(name))

    first, second = [await collect(small_generator, QUESTION, EVIDENCE, sampling=sampling) for _ in "ab"]

    assert first.text == second.text != ""
    assert first.finish.changed_tokens is not None
    assert first.finish.changed_tokens <= first.finish.completion_tokens


async def test_dola_reads_one_prompt_and_lol_as_many_as_it_contrasts(small_generator: Generator) -> None:
    async def read(name: str, **parameters: float) -> int:
        sampling = SamplingParameters(max_tokens=2, strategy=MethodChoice(name, parameters))
        return (await collect(small_generator, "hello", sampling=sampling)).finish.prompt_tokens

    plain = await read("plain")
    refocused, induced = await read("lol", refocus=1), await read("lol", refocus=0)

    assert await read("dola") == plain
    assert induced > 2 * plain
    assert await read("lol", refocus=0.5) == refocused + plain


async def test_what_cannot_be_compared_with_plain_decoding_is_not_counted(small_generator: Generator) -> None:
    sampling = SamplingParameters(max_tokens=5, strategy=MethodChoice("lol", {"refocus": 1}))

    answer = await collect(small_generator, "hello", sampling=sampling)

    assert answer.finish.completion_tokens
    assert answer.finish.changed_tokens is None


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "spelling.py").write_text(SPELLING)
    (tmp_path / "foreign.py").write_text(FOREIGN)
    monkeypatch.setattr(family, "__path__", [*family.__path__, str(tmp_path)])
    monkeypatch.setattr(decodings, "_methods", dict(decodings._methods))
    monkeypatch.setattr(decodings, "_checked", set(decodings._checked))
    yield
    for name in ("spelling", "foreign"):
        sys.modules.pop(f"{family.__name__}.{name}", None)


@pytest.mark.usefixtures("own")
async def test_a_strategy_needs_its_file_alone(
    small_generator: Generator, small_model: LanguageModel
) -> None:
    word = [small_model.tokens(letter)[0] for letter in "Hello"]
    sampling = SamplingParameters(max_tokens=8, strategy=MethodChoice("spelling", {"word": word}))

    answer = await collect(small_generator, "hi", sampling=sampling)
    louder = await collect(small_generator, "hi there", sampling=sampling)

    assert "spelling" in decodings.names()
    assert decodings.describe("spelling").summary.startswith("Writes a word")
    assert answer.text.startswith("Hello")
    assert answer.finish.changed_tokens is None
    prompts = [one.finish.prompt_tokens for one in (answer, louder)]
    assert prompts[1] - prompts[0] == len(" there")
    plain = await collect(small_generator, "hi", sampling=SamplingParameters(max_tokens=1))
    assert prompts[0] == plain.finish.prompt_tokens + len("!")


@pytest.mark.usefixtures("own")
async def test_a_role_that_no_model_has_is_told_with_those_that_one_has(small_generator: Generator) -> None:
    with pytest.raises(NotFound) as caught:
        await collect(small_generator, "hi", sampling=SamplingParameters(strategy=MethodChoice("foreign")))

    assert (caught.value.kind, caught.value.choices) == ("model role", ["main"])
