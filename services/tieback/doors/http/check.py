"""``POST /v1/check``: a text that anybody wrote, checked against sources or a collection."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, Evidence, InvalidArgument
from tieback_client.jsonable import jsonable

from tieback.doors.caller import time_of
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.reading import Payload, read

SECONDS = 60.0
FIELDS = {
    "evidence": "sources",
    "checks[0].evidence": "sources",
    "checks[0].claims": "claims",
    "checks[0].text": "text",
    "checks[0].question": "question",
    "query": "text",
}


class CheckSource(Payload):
    """A passage to check by."""

    text: str
    id: str = ""
    title: str = ""
    item_id: str = ""
    section_id: str = ""
    uri: str = ""


class CheckBody(Payload):
    """The body."""

    text: str
    sources: list[str | CheckSource] = Field(default_factory=list)
    collection: str = ""
    limit: int | None = Field(None, gt=0)
    filter: str = ""
    claims: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(default_factory=list)
    question: str = ""
    checker: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


def check(client: AsyncClient) -> DoorOperation:
    """The operation."""

    async def handle(request: Request) -> Response:
        asked = await read(request, CheckBody, {})
        if asked.parameters and not asked.checker:
            raise InvalidArgument.at("parameters", "they are of a checker: name it")
        checked = await client.check(
            asked.text,
            [one if isinstance(one, str) else Evidence(**one.model_dump()) for one in asked.sources],
            collection=asked.collection,
            limit=asked.limit,
            filter=asked.filter,
            claims=[(begin, end) for begin, end in asked.claims],
            question=asked.question,
            checker=(asked.checker, asked.parameters) if asked.checker else None,
            timeout=time_of(SECONDS),
        )
        return JSONResponse(checked.document | {"shown": jsonable(checked.shown)})

    return DoorOperation("check", handle, FIELDS)
