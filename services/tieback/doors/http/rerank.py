"""``POST /v1/rerank`` and ``/v2/rerank``, in the shape that the clients of Cohere and Jina read."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, InvalidArgument
from tieback_contract.field_path import at

from tieback.doors.caller import CALLER, time_of
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.reading import Missing, Payload, read

SECONDS = 60.0
FIELDS = {"candidates": "documents", "method": "model", "limit": "top_n", "query": "query"}
_WHOLE = "documents are read as far as the model reads them; send shorter ones"
MISSING = {
    "max_tokens_per_doc": Missing(_WHOLE),
    "max_chunks_per_doc": Missing(_WHOLE),
    "rank_fields": Missing("put the fields into one text", ([],)),
    "priority": Missing("all requests of a tenant count alike", (0,)),
}


class Rerank(Payload):
    """The body."""

    model: str
    query: str
    documents: list[Any]
    top_n: int | None = Field(None, gt=0)
    return_documents: bool = False
    space: str = ""


def rerank(client: AsyncClient) -> DoorOperation:
    """The operation."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Rerank, MISSING)
        texts = [_text(one, place) for place, one in enumerate(asked.documents)]
        found = await client.rerank(
            asked.query,
            texts,
            method=asked.model,
            space=asked.space,
            limit=asked.top_n or 0,
            timeout=time_of(SECONDS),
        )
        found.raise_for_errors()  # a list in the shape of Cohere's has no place for what failed
        return JSONResponse(
            {
                "id": CALLER.get().request_id,
                "object": "list",
                "model": asked.model,
                "results": [
                    {"index": int(one.id), "relevance_score": one.score}
                    | ({"document": {"text": texts[int(one.id)]}} if asked.return_documents else {})
                    for one in found.results
                ],
                "usage": {"total_tokens": found.cost.tokens},
                "meta": {"api_version": {"version": "2"}, "tokens": {"input_tokens": found.cost.tokens}},
            }
        )

    return DoorOperation("rerank", handle, FIELDS)


def _text(document: object, place: int) -> str:
    if isinstance(document, dict) and set(document) == {"text"}:
        document = document["text"]
    if not isinstance(document, str):
        raise InvalidArgument.at(at("documents", place), "a document is a text, or an object with text alone")
    return document
