"""Answers that an endpoint writes: checked as our own, refused by name where it cannot, and its failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from generator.conftest import Answer, collect, until
from pydantic import ValidationError
from support import bag_of_words
from support.chat_server import WORDS, ChatServer, chat_server
from support.each import each
from tieback.catalog.card import GeneratorCard
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    StartupError,
    TiebackError,
    Unavailable,
)
from tieback.core.types.conversation import Conversation, RewrittenQuestion, Speaker, Turn
from tieback.core.types.generation import (
    AnswerStyle,
    Degraded,
    Evidence,
    FinishReason,
    Grammar,
    GrammarKind,
    Grounding,
    Repair,
    SamplingParameters,
    TextDelta,
    TokenScores,
    VerdictLabel,
)
from tieback.core.types.method_choice import MethodChoice
from tieback.encoder import Encoder
from tieback.generator import Generator
from tieback.models.chat_endpoint import EndpointModel

EVIDENCE = [Evidence("a", "The bridge is open on Monday."), Evidence("b", "The library is shut.")]
QUESTION = "Is the bridge open on Monday?"
ALWAYS = Grounding(checker=MethodChoice("verbatim"), abstain_below=0.0)
SCHEMA = Grammar(GrammarKind.JSON_SCHEMA, '{"type": "object"}')


def card(base_url: str, **options: Any) -> GeneratorCard:
    return GeneratorCard.model_validate(
        {
            "name": "far",
            "role": "generator",
            "runtime": "chat_endpoint",
            "description": "A model of another server.",
            "license": "unstated",
            "upstream": "somebody/far",
            "context_tokens": 2048,
            "options": {"base_url": base_url, "model": "far-8b", **options},
        }
    )


@pytest.fixture
async def server() -> AsyncIterator[ChatServer]:
    async with chat_server(ChatServer()) as running:
        yield running


@pytest.fixture
async def encoder(tmp_path: Path) -> AsyncIterator[Encoder]:
    encoder = Encoder([bag_of_words.BagOfWords(bag_of_words.card(tmp_path))])
    yield encoder
    await encoder.close()


class Asking:
    """A generator with an endpoint of these options, for as long as a question takes."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder

    async def __call__(self, base_url: str, *, options: dict[str, Any] | None = None, **how: Any) -> Answer:
        model = EndpointModel(card(base_url, **(options or {})))
        generator = Generator([model], self.encoder, space="bag-of-words")
        try:
            return await collect(generator, QUESTION, EVIDENCE, **({"grounding": ALWAYS} | how))
        finally:
            assert generator.load.active_items == 0
            await generator.close()


@pytest.fixture
def ask(encoder: Encoder) -> Asking:
    return Asking(encoder)


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
        grammar=SCHEMA,
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
        ({"grammar": Grammar(GrammarKind.REGEX, "a+")}, {}, "sampling.grammar.regex", "JSON Schema"),
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


async def test_where_an_endpoint_is_away_the_answer_is_quoted_and_says_so(
    server: ChatServer, ask: Asking
) -> None:
    refused = await ask("http://127.0.0.1:9/v1", options={"attempts": 2})
    server.failures = [500, 502, 503]
    failed = await ask(server.base_url)
    server.stays_silent = True
    late = await ask(server.base_url, deadline=Deadline.after(1.0))
    silent = await ask(server.base_url, options={"silent_seconds": 0.1})

    for answer in (refused, failed, late, silent):
        [degraded] = [event for event in answer.events if isinstance(event, Degraded)]
        assert (degraded.reason, degraded.model) == ("ENDPOINT_UNAVAILABLE", "far")
        assert degraded.message.startswith("the endpoint of far ")
        assert "open on Monday" in answer.text
        assert (answer.finish.style, answer.finish.model) == (AnswerStyle.QUOTE, "")
    assert len(server.asked) == 5  # once each where it is silent


async def test_who_needs_the_model_of_an_endpoint_that_is_away_is_told_the_way_out(ask: Asking) -> None:
    for how in (
        {"model": "far"},
        {"style": AnswerStyle.WRITE},
        {"sampling": SamplingParameters(grammar=SCHEMA)},
        {"sampling": SamplingParameters(log_probabilities=1)},
    ):
        with pytest.raises(EndpointUnavailable) as away:
            await ask("http://127.0.0.1:9/v1", options={"attempts": 1}, **how)

        assert "ask for the style quote" in away.value.hint


async def test_an_endpoint_that_was_away_for_a_moment_is_asked_again(server: ChatServer, ask: Asking) -> None:
    server.failures = [503, 429]
    server.retry_after = "0"

    assert (await ask(server.base_url)).text == "".join(WORDS)
    assert len(server.asked) == 3


async def test_a_busy_endpoint_says_when_to_come_back(server: ChatServer, ask: Asking) -> None:
    server.failures, server.retry_after = [429], "30"

    with pytest.raises(Overloaded) as busy:
        await ask(server.base_url)

    assert busy.value.retry_after == 30
    assert len(server.asked) == 1


async def test_an_endpoint_that_dies_in_the_middle_is_not_asked_again(
    server: ChatServer, encoder: Encoder
) -> None:
    server.breaks_after = 3
    generator = Generator([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    text = ""

    with pytest.raises(Unavailable, match="not complete"):
        async for event in generator.generate(QUESTION, EVIDENCE, grounding=ALWAYS):
            text += event.text if isinstance(event, TextDelta) else ""

    assert text == "The bridge is "
    assert len(server.asked) == 1
    assert generator.load.active_items == 0
    await generator.close()


@pytest.mark.parametrize(
    "garbage",
    [
        b"data: {no json}\n\n",
        b"data: []\n\n",
        b'data: {"choices": 7}\n\n',
        b'data: {"choices": [{"delta": {"content": ["a"]}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "\\ud800"}}]}\n\n',
        b"data: \xff\xfe\n\n",
        b'data: {"error": {"message": "out of memory at /srv/secret"}}\n\n',
        b"data: " + b"x" * (1 << 22) + b"\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
    ],
)
async def test_garbage_of_an_endpoint_is_unavailable_and_stays_inside(
    server: ChatServer, ask: Asking, garbage: bytes
) -> None:
    server.garbage = garbage

    with pytest.raises(Unavailable, match="no answer") as caught:
        await ask(server.base_url)

    assert "secret" not in str(caught.value)


async def test_more_than_was_asked_for_is_not_read(server: ChatServer, ask: Asking) -> None:
    server.words = ("x" * 4000,) * 5

    with pytest.raises(Unavailable, match="more than it was asked for"):
        await ask(server.base_url, sampling=SamplingParameters(max_tokens=8))


async def test_a_silent_endpoint_is_given_up(server: ChatServer, ask: Asking) -> None:
    server.seconds = 30

    with pytest.raises(Unavailable, match="silent"):
        await ask(server.base_url, options={"silent_seconds": 0.2})


async def test_the_deadline_holds_for_an_endpoint(server: ChatServer, ask: Asking) -> None:
    server.seconds = 30

    with pytest.raises(DeadlineExceeded):
        await ask(server.base_url, deadline=Deadline.after(0.3))
    await asyncio.wait_for(server.left.wait(), 5)


async def test_leaving_closes_the_connection_at_once(server: ChatServer, encoder: Encoder) -> None:
    server.seconds = 0.02
    server.words = ("a ",) * 1000
    generator = Generator([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    events = generator.generate(QUESTION, EVIDENCE, grounding=ALWAYS)
    await anext(events)

    await events.aclose()

    await asyncio.wait_for(server.left.wait(), 5)
    await until(lambda: generator.load.active_items == 0)
    await generator.close()


@pytest.mark.parametrize(
    ("status", "refusal", "error", "field", "said"),
    [
        (400, "maximum context length is 2048 tokens", InvalidInput, "prompt", "context length is 2048"),
        (400, "top_p must be at most 0.5", InvalidInput, "sampling.top_p", "at most 0.5"),
        (404, "The model `far-8b` does not exist.", EndpointMisconfigured, "", "`far-8b` does not exist"),
        (422, "unknown field\x1b[2J stream_options", EndpointMisconfigured, "", "field [2J stream_options"),
    ],
)
async def test_what_an_endpoint_says_of_a_request_that_it_refuses_is_passed_on(
    server: ChatServer,
    ask: Asking,
    status: int,
    refusal: str,
    error: type[TiebackError],
    field: str,
    said: str,
) -> None:
    server.failures, server.refusal = [status], refusal

    with pytest.raises(error) as refused:
        await ask(server.base_url, sampling=SamplingParameters(top_p=0.9), style=AnswerStyle.WRITE)

    assert said in refused.value.message
    assert str(refused.value.field) == field
    assert len(server.asked) == 1


async def test_keys_and_paths_in_the_words_of_an_endpoint_are_left_out_and_long_ones_cut(
    server: ChatServer, ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAR_TOKEN", "our-own-token")
    hidden = ["sk-abc.def", "our-own-token", "Bearer xyzzy", "/srv/private/app.py", "a1" * 20]
    server.failures, server.refusal = [400], f"no {' or '.join(hidden)}; {'really ' * 1000}"

    with pytest.raises(EndpointMisconfigured) as refused:
        await ask(server.base_url, options={"token_variable": "FAR_TOKEN"}, style=AnswerStyle.WRITE)

    assert not any(one in refused.value.message for one in hidden)
    assert len(refused.value.message) < 500


async def test_a_model_that_the_endpoint_does_not_have_leads_to_a_quote_that_says_so(
    server: ChatServer, ask: Asking
) -> None:
    server.failures, server.refusal = [404], "The model `far-8b` does not exist."

    answer = await ask(server.base_url)

    [degraded] = [event for event in answer.events if isinstance(event, Degraded)]
    assert degraded.reason == "ENDPOINT_MISCONFIGURED"
    assert "`far-8b` does not exist" in degraded.message


async def test_a_probe_says_why_an_endpoint_cannot_be_asked(server: ChatServer) -> None:
    model, away = EndpointModel(card(server.base_url)), EndpointModel(card("http://127.0.0.1:9/v1"))

    async def said(status: int, *served: str) -> str:
        server.status, server.served = status, served
        return await model.probe()

    for status, served, fault in (
        (200, ["far-8b", "other"], ""),
        (200, [], ""),
        (404, [], ""),
        (200, ["other"], "the endpoint of far has no model 'far-8b'"),
        (401, [], "the endpoint of far refuses this server's token"),
        (503, [], "the endpoint of far answers with the status 503"),
    ):
        assert await said(status, *served) == fault
    assert await away.probe() == "the endpoint of far does not answer"
    await model.close()
    await away.close()


async def test_a_conversation_is_read_by_the_model_where_there_is_no_evidence(
    server: ChatServer, encoder: Encoder
) -> None:
    model = EndpointModel(card(server.base_url, system_prompt="Be brief."))
    generator = Generator([model], encoder, space="bag-of-words")
    history = [Turn(Speaker.USER, "Who are you?"), Turn(Speaker.ASSISTANT, "A bridge.")]
    long = [Turn(Speaker.USER, "x" * 5000), Turn(Speaker.ASSISTANT, "y" * 5000), *history]

    await collect(generator, "How old?", conversation=Conversation(history))
    await collect(generator, "How old?", conversation=Conversation(long, "Rhyme."))

    said = [[(one["role"], one["content"]) for one in asked["messages"]] for asked in server.asked]
    own = [("user", "Who are you?"), ("assistant", "A bridge."), ("user", "How old?")]
    assert said[0] == [("system", "Be brief."), *own]
    assert said[1] == [("system", "Rhyme."), *own]
    await generator.close()


async def test_a_question_with_evidence_is_rewritten_by_the_conversation(
    server: ChatServer, encoder: Encoder
) -> None:
    generator = Generator([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    history = [Turn(Speaker.USER, "Tell me about the Severn Bridge."), Turn(Speaker.ASSISTANT, "It is long.")]

    answer = await collect(
        generator, "Is it open?", EVIDENCE, grounding=ALWAYS, conversation=Conversation(history, "Rhyme.")
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
    generator = Generator([EndpointModel(made)], encoder, space="bag-of-words")

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


@each(
    "options",
    [
        {"base_url": "ftp://far/v1"},
        {"base_url": "https://user:password@far/v1"},
        {"base_url": "http://far.example/v1", "token_variable": "FAR"},
        {"base_url": "https://far/v1", "token_variable": "A", "token_file": "b"},
    ],
)
def test_a_card_that_would_give_its_token_away_is_refused(options: dict[str, Any]) -> None:
    base_url = options.pop("base_url")

    with pytest.raises(ValidationError):
        card(base_url, **options)
