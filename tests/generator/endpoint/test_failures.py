"""An endpoint that is away, refuses, or says nothing of use."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError
from support.chat_server import WORDS, ChatServer
from support.each import each
from support.endpoint_asking import ALWAYS, EVIDENCE, QUESTION, Asking, card
from support.waiting import until
from tieback.core.call import NO_CALL
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    TiebackError,
    Unavailable,
)
from tieback.core.types.generation import GenerateRequest
from tieback.encoder import Encoder
from tieback.generator import Generator, GeneratorParts
from tieback.models.language.chat_endpoint import EndpointModel
from tieback_contract.answers import AnswerStyle, Degraded, TextDelta
from tieback_contract.generation import SamplingParameters

SCHEMA = '{"type": "object"}'


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
        {"sampling": SamplingParameters(json_schema=SCHEMA)},
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
    generator = Generator(
        GeneratorParts([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    )
    text = ""

    with pytest.raises(Unavailable, match="not complete"):
        async for event in generator.generate(GenerateRequest(QUESTION, EVIDENCE, grounding=ALWAYS), NO_CALL):
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
    generator = Generator(
        GeneratorParts([EndpointModel(card(server.base_url))], encoder, space="bag-of-words")
    )
    events = generator.generate(GenerateRequest(QUESTION, EVIDENCE, grounding=ALWAYS), NO_CALL)
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
