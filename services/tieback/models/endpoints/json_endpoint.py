"""One model of another server, asked by JSON over HTTP, again where it is away or busy and there is time.

A status of the server becomes an error of ours here, for all models that are asked so.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any, TypeVar

import aiohttp

from tieback.catalog.base_card import HttpEndpoint
from tieback.core.deadline import Deadline
from tieback.core.errors import EndpointMisconfigured, Overloaded, StartupError, TiebackError
from tieback.models.language.chat_endpoint import FIRST_WAIT, GARBAGE, seconds_of
from tieback.models.language.endpoint_connection import COME_BACK, EndpointConnection, told

LARGEST = 16 << 20
"""Bytes of an answer, where nothing else is said."""

PROBE_SECONDS = 5.0
T = TypeVar("T")


class JsonEndpoint:
    """Asks one endpoint, over connections that are kept. For one event loop. StartupError without its token.

    `correct` are the options of the card that may be wrong where it refuses what it is sent, and `hint` is
    what works while it is away.
    """

    def __init__(
        self, name: str, options: HttpEndpoint, *, correct: str, hint: str = "", largest: int = LARGEST
    ) -> None:
        self._name, self._options, self._correct, self._largest = name, options, correct, largest
        self._connection = EndpointConnection(name, options, accepts="application/json", hint=hint)
        self._hint = hint
        self._troubles = 0
        self.away = self._connection.away

    @property
    def stretch(self) -> tuple[int, int]:
        """Changes where another server may answer than before: it was away, or was connected with anew."""
        return self._troubles, self._connection.made

    async def ask(self, path: str, body: Any, deadline: Deadline, read: Callable[[Any], T]) -> T:
        """The answer as `read` makes it, whose errors of Python's say that it is no answer.

        EndpointMisconfigured where it refuses what it is sent; EndpointUnavailable, Overloaded,
        DeadlineExceeded.
        """
        deadline.check("the endpoint was asked")
        left = deadline.remaining()
        try:
            async with asyncio.timeout(None if math.isinf(left) else max(left, 0.0)):
                answer = await self._answer(path, body, deadline)
        except TimeoutError:
            self._troubles += 1
            deadline.check("the endpoint had answered")
            raise self.away("does not answer in time") from None
        try:
            return read(json.loads(answer))
        except (*GARBAGE, LookupError, StopIteration):
            raise self.away("sent what is no answer") from None

    async def probe(self, path: str) -> str:
        """The reason that it cannot be asked now, in one sentence; or empty."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await self._connection.get(path)
                response.close()
        except StartupError:
            return self.away("needs a token that is gone").message
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self.away("does not answer").message
        if response.status in (401, 403):
            return self.away("refuses this server's token").message
        if response.status >= 500:
            return self.away(f"answers with the status {response.status}").message
        return ""

    async def described(self, path: str) -> Any:
        """The JSON that the server answers there; None where it says nothing that can be read."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                response = await self._connection.get(path)
                try:
                    return json.loads(await self._whole(response)) if response.status == 200 else None
                finally:
                    response.close()
        except (aiohttp.ClientError, TimeoutError, OSError, *GARBAGE):
            return None

    async def close(self) -> None:
        """Closes the connections."""
        await self._connection.close()

    async def _answer(self, path: str, body: Any, deadline: Deadline) -> bytes:
        wait = FIRST_WAIT
        for attempt in range(1, self._options.attempts + 1):
            error: TiebackError
            try:
                response = await self._connection.post(path, body)
                try:
                    read = await self._whole(response)
                finally:
                    response.close()
            except StartupError:
                raise self.away("needs a token that is gone") from None
            except (aiohttp.ClientError, OSError):
                self._troubles += 1
                error = self.away("does not answer")
            else:
                if response.status == 200:
                    return read
                error = self._refusal(response, read)
            pause = max(error.retry_after if isinstance(error, Overloaded) else 0.0, wait)
            is_last = attempt == self._options.attempts or pause >= deadline.remaining()
            if isinstance(error, EndpointMisconfigured) or is_last:
                raise error
            await asyncio.sleep(pause)
            wait *= 2
        raise AssertionError("there is at least one attempt")

    def _refusal(self, response: aiohttp.ClientResponse, body: bytes) -> TiebackError:
        name, status = self._name, response.status
        if status == 429:
            return Overloaded(
                f"the endpoint of {name} is busy", retry_after=seconds_of(response.headers.get("Retry-After"))
            )
        if status in (401, 403):
            return self.away("refuses this server's token")
        if status >= 500:
            self._troubles += 1
            return self.away("is away" if status in COME_BACK else f"answers with the status {status}")
        words = told(body, self._connection.token())
        error = EndpointMisconfigured(
            f"the endpoint of {name} refuses what this server sends (status {status})"
            f"{f': {words}' if words else ''}; correct {self._correct} of its card",
            status=status,
            words=words,
        )
        error.hint = self._hint or error.hint
        return error

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        """The body. ClientError where it is too long."""
        parts, size = [], 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._largest:
                raise aiohttp.ClientPayloadError("an answer that is too long")
            parts.append(part)
        return b"".join(parts)
