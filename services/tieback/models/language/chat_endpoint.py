"""A language model that another server runs, asked over HTTP by OpenAI's chat completions, as a stream."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

from tieback.catalog.card import GeneratorCard
from tieback.catalog.runtimes.chat_endpoint import ChatEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    EndpointMisconfigured,
    InvalidInput,
    Overloaded,
    StartupError,
    TiebackError,
    Unavailable,
)
from tieback.models.language.endpoint_connection import READ, EndpointConnection, refusal

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds between attempts: doubled each time; a longer wait that the endpoint asks for is the caller's."""

BROKEN = (aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError)
GARBAGE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""Of a stream: its connection, and what is no answer."""

PROBE_SECONDS = 5.0
OPENING_SHARE = 0.5
"""Of the time that is left, an endpoint may take so much to begin; the rest is for quotes in its place."""

ALWAYS_SENT = frozenset({"model", "messages", "max_tokens", "temperature", "stream", "stream_options"})


@dataclass(frozen=True, slots=True)
class EndpointToken:
    """A token's text and log-probability, with the most probable ones in its place."""

    text: str
    log_probability: float
    alternatives: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointPiece:
    """What came: text, its tokens where asked for, why it is the last, tokens read and written at its end."""

    text: str = ""
    tokens: tuple[EndpointToken, ...] = ()
    finish: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class EndpointModel:
    """Asks one endpoint, over connections that are kept. For one event loop."""

    def __init__(self, card: GeneratorCard) -> None:
        self.card = card
        self.name = card.name
        self.context_tokens = card.context_tokens
        self.options = card.options_for(ChatEndpoint)
        self.system_prompt = self.options.system_prompt
        self._connection = EndpointConnection(card.name, self.options, accepts="text/event-stream")
        self._away = self._connection.away

    async def stream(
        self, body: Mapping[str, Any], deadline: Deadline
    ) -> AsyncGenerator[EndpointPiece, None]:
        """The pieces of one completion. Leaving closes the connection, by which the endpoint stops.

        Before the first piece it is tried again where the endpoint is away or busy. InvalidInput where it
        refuses the request, EndpointMisconfigured where it refuses what every request has, Overloaded with
        the time to come back, EndpointUnavailable; Unavailable after the first piece; DeadlineExceeded.
        """
        deadline.check("the endpoint was asked")
        opening = deadline.within(deadline.remaining() * OPENING_SHARE)
        fails = self._away
        try:
            async with _until(opening):
                response = await self._opened(body, deadline)
        except TimeoutError:
            raise fails("does not answer in time") from None
        try:
            async with aclosing(_pieces(response)) as pieces:
                while True:
                    async with _until(opening):
                        piece = await anext(pieces, None)
                    if piece is None:
                        return
                    yield piece
                    opening, fails = deadline, self._broken
        except TimeoutError:
            deadline.check("the answer was finished")
            raise fails("is silent") from None
        except (*BROKEN, *GARBAGE):
            raise fails("broke off, or sent what is no answer") from None
        finally:
            response.close()

    async def probe(self) -> str:
        """Why it cannot be asked now, in one sentence; empty where it can. It is asked for its models."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await self._connection.get("/models")
                body = await response.content.read(READ * 256) if response.status == 200 else b""
                response.close()
        except StartupError:
            return self._away("needs a token that is gone").message
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self._away("does not answer").message
        if response.status in (401, 403):
            return self._away("refuses this server's token").message
        if response.status >= 500:
            return self._away(f"answers with the status {response.status}").message
        names = _names(body)  # none where it lists no models, which few endpoints have to
        lacks = names and self.options.model not in names
        return self._away(f"has no model {self.options.model!r}").message if lacks else ""

    async def close(self) -> None:
        """Closes the connections."""
        await self._connection.close()

    async def _opened(self, body: Mapping[str, Any], deadline: Deadline) -> aiohttp.ClientResponse:
        wait = FIRST_WAIT
        for attempt in range(1, self.options.attempts + 1):
            error: TiebackError
            try:
                response = await self._connection.post("/chat/completions", body)
            except StartupError:
                raise self._away("needs a token that is gone") from None
            except aiohttp.SocketTimeoutError:
                raise self._away("is silent") from None  # it works on what it has: more would not help it
            except (aiohttp.ClientError, TimeoutError, OSError):
                error = self._away("does not answer")
            else:
                if response.status == 200:
                    return response
                try:
                    error = refusal(
                        *(self.card, response.status, await response.content.read(READ)),
                        given=set(body) - ALWAYS_SENT,
                        token=self._connection.token(),
                        retry_after=seconds_of(response.headers.get("Retry-After")),
                    )
                finally:
                    response.close()
            if isinstance(error, (InvalidInput, EndpointMisconfigured)) or attempt == self.options.attempts:
                raise error
            asked = error.retry_after if isinstance(error, Overloaded) else 0.0
            pause = max(asked, wait * random.uniform(0.5, 1.0))  # noqa: S311 - spreads retries
            if pause > min(LONGEST_WAIT, deadline.remaining()):
                raise error
            await asyncio.sleep(pause)
            wait *= 2
        raise AssertionError("there is at least one attempt")

    def _broken(self, what: str) -> Unavailable:
        return Unavailable(f"the endpoint of {self.name} {what}; what was sent is not complete")


def _until(deadline: Deadline) -> asyncio.Timeout:
    left = deadline.remaining()
    return asyncio.timeout(None if left == float("inf") else max(left, 0.0))


async def _pieces(response: aiohttp.ClientResponse) -> AsyncGenerator[EndpointPiece, None]:
    """Server-sent events until `[DONE]`, or until the end after a reason to finish. ValueError for else."""
    if response.content_type != "text/event-stream":
        raise ValueError("no stream of events")
    finished = False
    async for raw in response.content:
        line = raw.decode().strip()
        if not line.startswith("data:"):
            continue  # a comment, the name of an event, or the end of one
        data = line.removeprefix("data:").strip()
        if data == "[DONE]":
            finished = True
            break
        piece = _piece(json.loads(data))
        finished = finished or bool(piece.finish)
        yield piece
    if not finished:
        raise ValueError("the stream ended before the answer")


def _piece(event: Any) -> EndpointPiece:
    if "error" in event:
        raise ValueError("an error in place of an event")
    usage = event.get("usage") or {}
    counts = (usage.get("prompt_tokens"), usage.get("completion_tokens"))
    if not event["choices"]:
        return EndpointPiece("", (), "", *counts)
    [choice] = event["choices"]
    text = choice.get("delta", {}).get("content") or ""
    if not isinstance(text, str):
        raise TypeError("a text that is none")
    text.encode()  # ValueError for a lone surrogate
    scores = (choice.get("logprobs") or {}).get("content") or ()
    tokens = tuple(
        EndpointToken(
            str(one["token"]),
            float(one["logprob"]),
            tuple((str(other["token"]), float(other["logprob"])) for other in one.get("top_logprobs") or ()),
        )
        for one in scores
    )
    return EndpointPiece(text, tokens, str(choice.get("finish_reason") or ""), *counts)


def _names(body: bytes) -> list[str]:
    """The models of `GET /models`; none where it is something else."""
    try:
        return [str(one["id"]) for one in json.loads(body)["data"]]
    except GARBAGE:
        return []


def seconds_of(said: str | None) -> float:
    """A `Retry-After` in seconds; 1 where it is a date, or nothing."""
    try:
        return min(max(float(said or 1), 0.0), 3600.0)
    except ValueError:
        return 1.0
