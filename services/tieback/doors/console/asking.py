"""Searches and answers of the console: JSON in, lines of JSON out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from tieback_client import (
    Abstention,
    AnswerStyle,
    AsyncClient,
    Audio,
    Decision,
    Finish,
    Grounding,
    Image,
    InvalidArgument,
    Repair,
    Repaired,
    SamplingParameters,
    TiebackError,
    Verdict,
)
from tieback_client.jsonable import event_as_json, jsonable

from tieback.doors.caller import CALLER, time_of
from tieback.doors.http.errors import Refused, told
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.query_options import OptionsObject, option_fields, options_of
from tieback.doors.http.reading import Payload, read

_SHOWN = (Verdict, Repaired, Decision, Abstention, Finish)
"""With these events something else is shown than a longer text; it is sent before them."""
SEARCH_SECONDS, ASK_SECONDS = 60.0, 300.0
FIELDS = {
    "retrieval.collection": "collection",
    "retrieval.query": "text",
    "query": "text",
    "retrieval.filter": "filter",
    "sampling.strategy": "strategy",
    **option_fields("options"),
}


class Search(Payload):
    """What to find. Contents are base64."""

    collection: str
    text: str = ""
    image: str = ""
    audio: str = ""
    filter: str = ""
    limit: int = Field(10, ge=1, le=100)
    options: OptionsObject = Field(default_factory=OptionsObject)

    @property
    def query(self) -> list[Any]:
        """Its contents."""
        given: list[Any] = [self.text] if self.text else []
        for name, kind in (("image", Image), ("audio", Audio)):
            data = getattr(self, name)
            if data:
                given.append(kind(_decoded(data, name)))
        if not given:
            raise InvalidArgument.at("text", "there is nothing to look for: give words, a photo or a sound")
        return given

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of a search or an answer."""
        own = {"filter": self.filter, "limit": self.limit, "explain": True}
        return own | options_of(self.options).chosen()


class Ask(Search):
    """What to answer."""

    style: Literal["auto", "quote", "write"] = "auto"
    repair: Literal["none", "drop", "rewrite"] = "none"
    strategy: str = ""
    twin: bool = False

    @property
    def sampling(self) -> SamplingParameters | None:
        """How tokens are chosen; None where nothing is said."""
        if not self.strategy and not self.twin:
            return None
        return SamplingParameters(strategy=self.strategy or None, twin=self.twin)


def search(client: AsyncClient, kept: KeptReplies) -> DoorOperation:
    """Finds, with reasons."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Search, {})
        found = await client.retrieve(
            asked.collection, asked.query, timeout=time_of(SEARCH_SECONDS),
            **({"highlights": 1 if asked.text else 0} | asked.arguments),
        )  # fmt: skip
        lines = _line(_asked(asked, "search")) + _line({"event": "retrieval", "result": jsonable(found)})
        kept.keep(lines)
        return Response(lines, media_type=LINES)

    return DoorOperation("console.search", handle, FIELDS)


def ask(client: AsyncClient, kept: KeptReplies) -> DoorOperation:
    """Answers, event by event."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Ask, {})
        stream = client.answer(
            asked.collection, asked.query, style=AnswerStyle(asked.style), sampling=asked.sampling,
            grounding=Grounding(repair=Repair(asked.repair)) if asked.repair != "none" else None,
            timeout=time_of(ASK_SECONDS), **asked.arguments,
        )  # fmt: skip
        # The first event is waited for, so that what is refused has a status of its own.
        first = await anext(stream)

        async def lines() -> AsyncGenerator[bytes, None]:
            sent = [_line(_asked(asked, "ask")), _line(event_as_json(first))]
            for one in sent:
                yield one
            try:
                async for event in stream:
                    if isinstance(event, _SHOWN):
                        sent.append(_line({"event": "shown", **jsonable(stream.answer.shown)}))
                        yield sent[-1]
                    sent.append(_line(event_as_json(event)))
                    yield sent[-1]
            except TiebackError as error:
                sent.append(_line({"event": "error", **told(error, FIELDS)[1]}))
                yield sent[-1]
            finally:
                await stream.close()
            kept.keep(b"".join(sent))

        return Lines(lines())

    return DoorOperation("console.ask", handle, FIELDS)


class Lines(Response):
    """Lines of JSON as they come."""

    def __init__(self, lines: AsyncGenerator[bytes, None]) -> None:
        super().__init__()
        self._lines = lines

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        """Sends them."""
        headers = [
            (b"content-type", LINES.encode()),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with aclosing(self._lines) as lines:
            async for line in lines:
                await send({"type": "http.response.body", "body": line, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _asked(asked: Search, kind: str) -> dict[str, Any]:
    """The first line: what was asked, without pictures and sounds."""
    said = asked.model_dump(exclude={"image", "audio"}, exclude_defaults=True)
    given = [name for name in ("image", "audio") if getattr(asked, name)]
    return {"event": "asked", "kind": kind, "request_id": CALLER.get().request_id, **said, "given": given}


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _decoded(data: str, name: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidArgument.at(name, "it is not base64") from None


# What was answered lately, so that a link with a request id leads to it.
#
# It is kept in memory, as the lines that were sent, for whoever shows the same token again.
MOST_BYTES, MOST_ENTRY = 32 << 20, 4 << 20
SECONDS = 10.0
LINES = "application/x-ndjson"


class KeptReplies:
    """The latest replies of one process, oldest first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, lines: bytes) -> None:
        """Keeps what the running request was answered, in place of the oldest; nothing very large."""
        if len(lines) > MOST_ENTRY:
            return
        key = _key(CALLER.get().request_id)
        self._bytes += len(lines) - len(self._entries.pop(key, b""))
        self._entries[key] = lines
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._entries.popitem(last=False)[1])

    def operation(self, client: AsyncClient) -> DoorOperation:
        """Gives a reply to whoever has the token of the request that it answered."""

        async def handle(request: Request) -> Response:
            await client.server_info(timeout=time_of(SECONDS))  # the platform says whether the token is one
            found = self._entries.get(_key(str(request.path_params["id"])))
            if found is None:
                raise Refused(
                    404, "REQUEST_NOT_FOUND", "this request is not kept any more, or was another token's"
                )
            return Response(found, media_type=LINES)

        return DoorOperation("console.request", handle)


def _key(request_id: str) -> tuple[bytes, str]:
    token = CALLER.get().metadata.get("authorization", "")
    return hashlib.sha256(token.encode()).digest(), request_id
