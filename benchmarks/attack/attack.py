"""Attacks: what they are given, and the ways in which a call of one may end."""

from __future__ import annotations

import asyncio
import functools
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc

DEADLINE_SECONDS = 15.0
LONGEST_MESSAGE = 1024
"""Characters of a status message: a longer one repeats what the caller sent."""

UNLIMITED = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
REFUSALS = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"})
OK, LATE = "OK", "DEADLINE_EXCEEDED"
FAULT = "FAULT"
"""The code of an outcome that is no call's: something else that is wrong."""

GOOD_COLLECTION, SPACE, WIDTH = "good", "attacked-space", 8


@dataclass(frozen=True)
class Outcome:
    """End of one call: its code, or the first bad one of its items, and after how many seconds."""

    code: str
    message: str
    seconds: float
    answer: bytes = field(default=b"", repr=False)


@dataclass
class Scene:
    """The place of an attack: a server, and connections of the attacker's own."""

    address: str
    metrics_address: str
    pid: int
    token: str = ""
    kept: dict[str, Any] = field(default_factory=dict)
    """What an attack prepares before the measurement."""

    @functools.cached_property
    def channel(self) -> grpc.aio.Channel:
        """The attacker's connection, of the event loop in which it is first asked for."""
        return grpc.aio.insecure_channel(self.address, UNLIMITED)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Metadata of a call: the token where there is one."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    async def call(
        self,
        method: str,
        request: bytes,
        *,
        gzip: bool = False,
        seconds: float = DEADLINE_SECONDS,
        first_error: Callable[[bytes], tuple[str, str]] | None = None,
    ) -> Outcome:
        """One request, as bytes; `method` is for instance "EncoderService/Encode".

        `first_error` finds in an answer the code and message of the first item that failed.
        """
        begun = time.monotonic()
        ask = self.channel.unary_unary(f"/tieback.v1.{method}", None, None)
        compression = grpc.Compression.Gzip if gzip else None
        try:
            answer = await ask(request, timeout=seconds, metadata=self.metadata, compression=compression)
        except grpc.aio.AioRpcError as error:
            return Outcome(error.code().name, error.details() or "", time.monotonic() - begun)
        code, message = (OK, "") if first_error is None else first_error(answer)
        return Outcome(code, message, time.monotonic() - begun, answer)

    async def stream(
        self,
        method: str,
        request: bytes,
        *,
        gzip: bool = False,
        seconds: float | None = DEADLINE_SECONDS,
        both: bool = True,
        first_error: Callable[[bytes], tuple[str, str]] | None = None,
    ) -> Outcome:
        """One request of a method that answers by a stream; with `both`, of one that is asked by one too.

        The outcome's answer is the last message; `first_error` is asked of each.
        """
        begun = time.monotonic()
        make: Any = self.channel.stream_stream if both else self.channel.unary_stream
        ask = make(f"/tieback.v1.{method}", None, None)
        compression = grpc.Compression.Gzip if gzip else None
        given: Any = iter([request]) if both else request
        code, message, answer = OK, "", b""
        try:
            call = ask(given, timeout=seconds, metadata=self.metadata, compression=compression)
            async for answer in call:
                if code == OK and first_error is not None:
                    code, message = first_error(answer)
        except grpc.aio.AioRpcError as error:
            return Outcome(error.code().name, error.details() or "", time.monotonic() - begun)
        return Outcome(code, message, time.monotonic() - begun, answer)


class PreparationError(Exception):
    """The needs of an attack could not be made: it would attack nothing."""


def made(outcome: Outcome) -> None:
    """PreparationError where a call that an attack rests on was not answered well."""
    if outcome.code != OK:
        raise PreparationError(f"{outcome.code}: {outcome.message}")


Strike = Callable[[Scene], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True)
class Attack:
    """One way to harm a server.

    `strike` returns how its calls ended. Each must be refused with a status that names a limit; where it
    `may_answer`, an answer is right too, and so is the end of the call's own deadline. Without `limit` the
    status names what is wrong, which has no number.
    `good` is what another caller does meanwhile (see `watch`), and `good_seconds` how long that may take
    more than without the attack, where the attack aims at it.
    """

    name: str
    summary: str
    strike: Strike
    prepare: Callable[[Scene], Awaitable[None]] | None = None
    may_answer: bool = False
    limit: bool = True
    good: str = "encode"
    good_seconds: float | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    tokens: bool = False
    seconds: float = 20.0

    def wrong(self, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """The outcomes that are not as they should be."""
        return [one for one in outcomes if not self._right(one)]

    def _right(self, outcome: Outcome) -> bool:
        if outcome.code in (OK, LATE):
            return self.may_answer
        return (
            outcome.code in REFUSALS
            and (not self.limit or re.search(r"\d", outcome.message) is not None)
            and len(outcome.message) <= LONGEST_MESSAGE
        )


async def at_once(calls: Iterable[Awaitable[Outcome]]) -> list[Outcome]:
    """All calls side by side."""
    return list(await asyncio.gather(*calls))
