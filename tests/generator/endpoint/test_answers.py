"""Answers that an endpoint writes: checked as our own, and refused by name where it cannot."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from generator.conftest import collect
from support.chat_server import WORDS, ChatServer
from support.endpoint_asking import ALWAYS, EVIDENCE, QUESTION, Asking, card
from support.lab import lab as lab
from tieback.catalog.card import GeneratorCard
from tieback.core.errors import (
    InvalidInput,
    StartupError,
    Unavailable,
)
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.chat_endpoint import EndpointModel
from tieback_contract.answers import (
    AnswerStyle,
    FinishReason,
    Repair,
    RewrittenQuestion,
    TextDelta,
    TokenScores,
)
from tieback_contract.claims import VerdictLabel
from tieback_contract.generation import ChatMessage, ChatRole, Grounding, SamplingParameters
from tieback_contract.method_choice import MethodChoice

SCHEMA = '{"type": "object"}'


async def test_an_answer_of_an_endpoint_is_streamed_cited_and_checked(
    server: ChatServer, ask: Asking
) -> None:
    answer = await ask(server.base_url)

    assert answer.text == "".join(WORDS)
    assert sum(isinstance(event, TextDelta) for event in answer.events) == len(WORDS)
    assert [one.label for one in answer.verdicts] == [VerdictLabel.SUPPORTED]
    assert [one.evidence_id for one in answer.citations] == ["a"]
    assert (answer.finish.model, answer.finish.prompt_tokens, answer.finish.completion_tokens) == (
        "far",
        40,
        6,
    )
    assert answer.finish.reason is FinishReason.END
    [asked] = server.asked
    assert asked["model"] == "far-8b"
    assert asked["messages"][0]["role"] == "system"
    assert QUESTION in asked["messages"][-1]["content"]


async def test_what_is_asked_of_sampling_is_passed_on(server: ChatServer, ask: Asking) -> None:
    sampling = SamplingParameters(
        max_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        min_p=0.1,
        repetition_penalty=1.1,
        seed=4,
        json_schema=SCHEMA,
    )

    await ask(server.base_url, sampling=sampling)

    [asked] = server.asked
    wanted = {"max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "min_p": 0.1, "seed": 4}
    assert wanted.items() <= asked.items()
    assert asked["response_format"]["json_schema"]["schema"] == {"type": "object"}


async def test_log_probabilities_come_before_the_text_that_they_are_of(
    server: ChatServer, ask: Asking
) -> None:
    answer = await ask(server.base_url, sampling=SamplingParameters(log_probabilities=2))

    scored = [event for event in answer.events if isinstance(event, TokenScores)]
    assert [one.tokens[0].chosen.text for one in scored] == list(WORDS)
    assert all(len(one.tokens[0].alternatives) == 2 for one in scored)
    assert scored[0].tokens[0].chosen.log_probability == -0.5


async def test_a_stop_text_ends_the_answer_and_the_call(server: ChatServer, ask: Asking) -> None:
    server.seconds, server.words = 0.01, WORDS * 40

    answer = await ask(server.base_url, sampling=SamplingParameters(stop=("open",)))

    assert answer.text == "The bridge is "
    assert answer.finish.reason is FinishReason.STOP
    await asyncio.wait_for(server.left.wait(), 5)


async def test_claims_of_an_endpoint_are_repaired(server: ChatServer, ask: Asking) -> None:
    server.words = (*WORDS, " Horses", " are", " blue.")

    answer = await ask(
        server.base_url,
        grounding=Grounding(checker=ALWAYS.checker, abstain_below=0.0, repair=Repair.DROP),
    )

    assert answer.text == "".join(WORDS)


@pytest.mark.parametrize(
    ("sampling", "options", "field", "message"),
    [
        ({"strategy": MethodChoice("dola")}, {}, "sampling.strategy", "dola needs the model's logits"),
        ({"regex": "a+"}, {}, "sampling.grammar.regex", "JSON Schema"),
        ({"log_probabilities": 9}, {"log_probabilities": 5}, "sampling.log_probabilities", "5 at most"),
        ({"top_k": 9}, {"dialect": "openai"}, "sampling.top_k", "without top_k"),
    ],
)
async def test_what_an_endpoint_cannot_do_is_refused_by_name(
    server: ChatServer,
    ask: Asking,
    sampling: dict[str, Any],
    options: dict[str, Any],
    field: str,
    message: str,
) -> None:
    with pytest.raises(InvalidInput, match=message) as refused:
        await ask(server.base_url, sampling=SamplingParameters(**sampling), options=options)

    assert str(refused.value.field) == field
    assert not server.asked


async def test_a_conversation_is_read_by_the_model_where_there_is_no_evidence(
    server: ChatServer, encoder: Encoder
) -> None:
    model = EndpointModel(card(server.base_url, system_prompt="Be brief."))
    generator = Generator(GeneratorParts([model], encoder, space="bag-of-words"))
    history = [ChatMessage(ChatRole.USER, "Who are you?"), ChatMessage(ChatRole.ASSISTANT, "A bridge.")]
    long = [ChatMessage(ChatRole.USER, "x" * 5000), ChatMessage(ChatRole.ASSISTANT, "y" * 5000), *history]

    await collect(generator, "How old?", history=history)
    await collect(generator, "How old?", history=long, system="Rhyme.")

    said = [[(one["role"], one["content"]) for one in asked["messages"]] for asked in server.asked]
    own = [("user", "Who are you?"), ("assistant", "A bridge."), ("user", "How old?")]
    assert said[0] == [("system", "Be brief."), *own]
    assert said[1] == [("system", "Rhyme."), *own]
    await generator.close()


async def test_a_question_with_evidence_is_rewritten_by_the_conversation(
    server: ChatServer, encoder: Encoder
) -> None:
    generator = Generator(
        GeneratorParts([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    )
    history = [
        ChatMessage(ChatRole.USER, "Tell me about the Severn Bridge."),
        ChatMessage(ChatRole.ASSISTANT, "It is long."),
    ]

    answer = await collect(
        generator, "Is it open?", EVIDENCE, grounding=ALWAYS, history=history, system="Rhyme."
    )

    assert answer.events[0] == RewrittenQuestion("Is it open? (Severn Bridge)")
    [asked] = server.asked
    assert asked["messages"][0]["content"].endswith("\n\nRhyme.")
    assert asked["messages"][-1]["content"].endswith("Question: Is it open? (Severn Bridge)")
    assert "It is long" not in str(asked["messages"])
    await generator.close()


async def test_the_card_of_an_endpoint_has_template_lengths_instruction_and_stop_texts(
    server: ChatServer, encoder: Encoder
) -> None:
    own = {
        "answer_tokens": 500,
        "evidence_tokens": 200,
        "grounded_prompt": "Answer from the sources.",
        "stop": ["Monday"],
        "chat_template": "{{ messages }}",
    }
    made = GeneratorCard.model_validate(card(server.base_url).model_dump() | own)
    generator = Generator(GeneratorParts([EndpointModel(made)], encoder, space="bag-of-words"))

    answer = await collect(generator, QUESTION, EVIDENCE, grounding=ALWAYS)

    [asked] = server.asked
    assert answer.text == "The bridge is open on "
    assert (asked["max_tokens"], asked["chat_template"]) == (500, "{{ messages }}")
    assert [one["role"] for one in asked["messages"]] == ["system", "user"]  # no examples of ours
    assert asked["messages"][0]["content"] == "Answer from the sources."
    assert "library" in asked["messages"][1]["content"]  # all of the evidence fits
    await generator.close()


async def test_a_token_is_sent_and_never_said(
    server: ChatServer,
    ask: Asking,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    (tmp_path / "token").write_text("first-secret\n")
    monkeypatch.setenv("FAR_TOKEN", "second-secret")
    server.failures = [401, 401, 401]

    with pytest.raises(Unavailable, match="refuses this server's token") as caught:
        await ask(server.base_url, options={"token_file": str(tmp_path / "token")}, style=AnswerStyle.WRITE)
    await ask(server.base_url, options={"token_variable": "FAR_TOKEN"})

    sent = [one.get("Authorization") for one in server.headers]
    assert sent == ["Bearer first-secret"] * 3 + ["Bearer second-secret"]
    assert "secret" not in caplog.text + str(caught.value)


def test_a_token_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(StartupError, match="NOWHERE holds none"):
        EndpointModel(card("https://far.example/v1", token_variable="NOWHERE"))
