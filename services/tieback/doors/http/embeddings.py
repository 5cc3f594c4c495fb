"""``POST /v1/embeddings``, as OpenAI's clients call it: dense vectors of texts in one space."""

from __future__ import annotations

import base64
from typing import Any, Literal

import numpy as np
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, InvalidArgument
from tieback_contract.field_path import at

from tieback.doors.caller import time_of
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.reading import Payload, read

TEXTS = 2048
"""Texts of one request at most, as of OpenAI's."""
SECONDS = 60.0
FIELDS = {"contents": "input", "output.width": "dimensions", "space": "model", "output": "dimensions"}


class Embeddings(Payload):
    """The body."""

    model: str
    input: Any
    dimensions: int | None = Field(None, gt=0, le=1 << 16)
    encoding_format: Literal["float", "base64"] = "float"
    user: str | None = None  # who asks is known by the token; nothing is kept of this
    truncate: bool = False


def embeddings(client: AsyncClient) -> DoorOperation:
    """The operation."""

    async def handle(request: Request) -> Response:
        asked = await read(request, Embeddings, {})
        texts = _texts(asked.input)
        found = await client.encode(
            texts,
            space=asked.model,
            width=asked.dimensions,
            truncate=asked.truncate,
            timeout=time_of(SECONDS),
        )
        found.raise_for_errors()  # a list of vectors in OpenAI's shape has no place for what failed
        vectors = np.ascontiguousarray(found.vectors, "<f4")
        tokens = sum(one.token_count for one in found)
        return JSONResponse(
            {
                "object": "list",
                "model": asked.model,
                "data": [
                    {"object": "embedding", "index": place, "embedding": one}
                    for place, one in enumerate(_written(vectors, asked.encoding_format))
                ],
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    return DoorOperation("embeddings", handle, FIELDS)


def _written(vectors: Any, form: str) -> list[Any]:
    if form == "base64":
        return [base64.b64encode(row.tobytes()).decode() for row in vectors]
    return list(vectors.astype(float).tolist())


def _texts(given: object) -> list[str]:
    texts: list[Any] = given if isinstance(given, list) else [given]
    if not texts:
        raise InvalidArgument.at("input", "there is nothing to encode")
    if len(texts) > TEXTS:
        raise InvalidArgument.at("input", f"{len(texts)} texts; send {TEXTS} at most at once")
    for place, one in enumerate(texts):
        if isinstance(one, int | list):
            raise InvalidArgument.at(
                "input",
                "token numbers are those of another model's vocabulary here; send text (LangChain's "
                "OpenAIEmbeddings does with check_embedding_ctx_length=False), or call Encode with the token "
                "numbers of this model",
                reason="UNSUPPORTED",
            )
        if not isinstance(one, str):
            raise InvalidArgument.at(at("input", place), "an input is a text, or a list of texts")
    return texts
