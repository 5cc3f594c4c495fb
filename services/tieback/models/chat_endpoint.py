"""A language model that another server runs, asked over HTTP by OpenAI's chat completions, as a stream.

The token is read again for each request, so that a renewed one is used, and is in no message and no log.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tieback.catalog.card import GeneratorCard
from tieback.catalog.options import ChatEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    StartupError,
    TiebackError,
    Unavailable,
)
from tieback.models.endpoint_refusal import READ, refusal

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds between attempts: doubled each time; a longer wait that the endpoint asks for is the caller's."""

LARGEST_LINE = 1 << 20
LARGEST_TOKEN = 8192
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
        self._url = self.options.base_url.rstrip("/")
        self._ssl = _trusted(self.options.certificates, card.name)
        self._session: aiohttp.ClientSession | None = None
        self._token()  # is there at the start

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
                response = await self._session_of_loop().get(
                    f"{self._url}/models", headers=self._headers(), allow_redirects=False
                )
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
        if self._session is not None:
            await self._session.close()

    async def _opened(self, body: Mapping[str, Any], deadline: Deadline) -> aiohttp.ClientResponse:
        wait = FIRST_WAIT
        for attempt in range(1, self.options.attempts + 1):
            error: TiebackError
            try:
                response = await self._asked(body)
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
                        token=self._token(),
                        retry_after=_seconds(response.headers.get("Retry-After")),
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

    async def _asked(self, body: Mapping[str, Any]) -> aiohttp.ClientResponse:
        return await self._session_of_loop().post(
            f"{self._url}/chat/completions", json=body, headers=self._headers(), allow_redirects=False
        )

    def _session_of_loop(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self.options
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=options.connect_seconds, sock_read=options.silent_seconds
                ),
                connector=aiohttp.TCPConnector(ssl=self._ssl, limit=0),
                read_bufsize=LARGEST_LINE,
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        token = self._token()
        return {"Accept": "text/event-stream"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def _away(self, what: str) -> Unavailable:
        return EndpointUnavailable(f"the endpoint of {self.name} {what}")

    def _broken(self, what: str) -> Unavailable:
        return Unavailable(f"the endpoint of {self.name} {what}; what was sent is not complete")

    def _token(self) -> str:
        options = self.options
        if options.token_variable:
            token = os.environ.get(options.token_variable, "")
            where = f"the environment variable {options.token_variable}"
        elif options.token_file:
            where = "its token_file"
            try:
                with Path(options.token_file).expanduser().open(encoding="utf-8") as file:
                    token = file.read(LARGEST_TOKEN)
            except (OSError, UnicodeDecodeError):
                token = ""
        else:
            return ""
        if not token.strip().isascii() or not token.strip().isprintable() or not token.strip():
            raise StartupError(f"the card {self.name} needs a token, and {where} holds none")
        return token.strip()


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


def _seconds(said: str | None) -> float:
    """A `Retry-After` in seconds; 1 where it is a date, or nothing."""
    try:
        return min(max(float(said or 1), 0.0), 3600.0)
    except ValueError:
        return 1.0


def _trusted(certificates: str, name: str) -> ssl.SSLContext | bool:
    if not certificates:
        return True
    try:
        return ssl.create_default_context(cafile=str(Path(certificates).expanduser()))
    except (OSError, ssl.SSLError):
        raise StartupError(f"the certificates of the card {name} cannot be read") from None
