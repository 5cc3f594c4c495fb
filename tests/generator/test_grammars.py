"""Answers in a given form."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from generator.conftest import collect
from support.each import each
from support.lab import lab as lab
from tieback.core.errors import InvalidInput
from tieback.generator import Generator
from tieback.generator.writing.grammar import MOST_BYTES, MOST_LINES
from tieback_contract.answers import FinishReason
from tieback_contract.generation import GrammarKind, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

PERSON = json.dumps(
    {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
)
FREE = Grounding(disabled=True)
WARM = SamplingParameters(max_tokens=120, temperature=1.5, seed=5)
ARITHMETIC = 'start: sum\nsum: NUMBER "+" NUMBER\nNUMBER: /[1-9][0-9]{0,2}/'


CHAIN = "start: a0\n" + "\n".join(f'a{n}: a{n + 1} "y"' for n in range(3000)) + '\na3000: "x"'


def held_to(kind: GrammarKind, text: str, **how: object) -> SamplingParameters:
    return replace(WARM, **{kind: text}, **how)  # type: ignore[arg-type]  # of its own fields


@pytest.mark.parametrize("strategy", ["plain", "dola", "lol", "context_aware"])
@pytest.mark.parametrize("temperature", [0.0, 1.5])
async def test_an_answer_is_json_of_the_schema_by_every_strategy(
    small_generator: Generator, strategy: str, temperature: float
) -> None:
    sampling = held_to(
        GrammarKind.JSON_SCHEMA, PERSON, strategy=MethodChoice(strategy), temperature=temperature
    )
    answer = await collect(small_generator, "who", sampling=sampling, grounding=FREE)

    assert answer.finish.reason is FinishReason.END
    person = json.loads(answer.text)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


async def test_an_answer_matches_the_regular_expression_as_a_whole(small_generator: Generator) -> None:
    sampling = held_to(GrammarKind.REGEX, r"[0-9]{4}-(0[1-9]|1[0-2])")
    answer = await collect(small_generator, "when", sampling=sampling, grounding=FREE)

    assert re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", answer.text)
    assert answer.finish.reason is FinishReason.END


async def test_an_answer_is_text_of_the_context_free_grammar(small_generator: Generator) -> None:
    answer = await collect(
        small_generator, "add", sampling=held_to(GrammarKind.LARK, ARITHMETIC), grounding=FREE
    )

    assert re.fullmatch(r"[1-9][0-9]{0,2}\+[1-9][0-9]{0,2}", answer.text)


async def test_the_limit_of_tokens_may_cut_it_off(small_generator: Generator) -> None:
    sampling = held_to(GrammarKind.JSON_SCHEMA, PERSON, max_tokens=3)
    answer = await collect(small_generator, "who", sampling=sampling, grounding=FREE)

    assert answer.finish.reason is FinishReason.LENGTH
    assert answer.text.startswith("{")


@each(
    "kind, text, reason",
    [
        (GrammarKind.JSON_SCHEMA, '{"type": "string", "minLength": 5, "maxLength": 2}', "Unsatisfiable"),
        (GrammarKind.JSON_SCHEMA, '{"type": "nope"}', "nope"),
        (GrammarKind.JSON_SCHEMA, "not json", "cannot be used"),
        (GrammarKind.JSON_SCHEMA, " ", "empty"),
        (GrammarKind.REGEX, "(yes|no", "unclosed group"),
        (GrammarKind.REGEX, "a" * (MOST_BYTES + 1), f"at most {MOST_BYTES}"),
        (GrammarKind.REGEX, "(" * 9000 + "x" + ")" * 9000, "cannot be used"),
        (GrammarKind.JSON_SCHEMA, '{"items":' * 5000 + "{}" + "}" * 5000, "recursion limit"),
        (GrammarKind.LARK, CHAIN, f"at most {MOST_LINES}"),
        (GrammarKind.LARK, "start: foo", 'unknown name: "foo"'),
        (GrammarKind.LARK, "start: A\nA: /[a]+/ & /[b]+/", "no text at all"),
    ],
)
async def test_a_grammar_that_cannot_be_met_is_refused_with_its_field_and_the_reason(
    small_generator: Generator, kind: GrammarKind, text: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)) as refused:
        await collect(small_generator, "hello", sampling=held_to(kind, text), grounding=FREE)

    assert str(refused.value.field) == f"sampling.grammar.{kind.value}"
    assert len(refused.value.message) < 500
    assert small_generator.load.active_items == 0
