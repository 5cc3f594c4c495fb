"""``GET /v1/models``: what the field ``model`` of this door's requests may name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, NotFound
from tieback_client.errors import Details, Resource, Unimplemented
from tieback_contract.vectors import VectorKind

from tieback.doors.caller import time_of
from tieback.doors.http.operation import DoorOperation

SECONDS = 10.0
COLLECTIONS = 1000
"""Collections that are listed at most."""
SHOWN = 20
"""Choices that an error names."""
COLLECTION = "collection:"
"""The beginning of a model's name that stands for the answers from a collection."""


def models(client: AsyncClient) -> DoorOperation:
    """Lists all that the caller may name."""

    async def handle(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": await _listed(client)})

    return DoorOperation("models", handle)


def model(client: AsyncClient) -> DoorOperation:
    """Describes one."""

    async def handle(request: Request) -> Response:
        name = request.path_params["name"]
        listed = await _listed(client)
        for one in listed:
            if one["id"] == name:
                return JSONResponse(one)
        details = Details("NOT_FOUND", "MODEL_NOT_FOUND", resource=Resource("model", name))
        raise _unknown(name, [one["id"] for one in listed], details)

    return DoorOperation("models", handle)


async def unknown_writer(client: AsyncClient, name: str, error: NotFound) -> NotFound:
    """The error for what answers no questions at this door, with what does: collections, language models."""
    listed = await _listed(client)
    writing = [one["id"] for one in listed if one["tieback"]["task"] == "chat.completions"]
    return _unknown(name, sorted(writing, key=lambda one: not one.startswith(COLLECTION)), error.details)


def _unknown(name: str, choices: Sequence[str], details: Details) -> NotFound:
    told = f"the choices are: {', '.join(choices[:SHOWN])}" if choices else "there is none yet"
    more = ", …" if len(choices) > SHOWN else ""
    named = f"no model is named {name[:200]!r}; {told}{more}"
    return NotFound(named, replace(details, choices=tuple(choices[:SHOWN]), hint=""))


async def _listed(client: AsyncClient) -> list[dict[str, Any]]:
    seconds = time_of(SECONDS)
    spaces, writers, rerankers, methods, collections = await asyncio.gather(
        client.spaces(timeout=seconds),
        client.models(timeout=seconds),
        client.rerankers(timeout=seconds),
        client.methods("reranking", timeout=seconds),
        _first(client.collections(timeout=seconds)),
    )
    found = [
        _entry(
            one.name,
            "embeddings",
            one.description,
            width=one.width,
            widths=list(one.widths),
            max_tokens=one.max_tokens,
            modalities=[str(kind) for kind in one.modalities],
        )
        for one in spaces
        if VectorKind.DENSE in one.kinds and not one.blocks
    ]
    found += [
        _entry(one.name, "chat.completions", one.description, max_tokens=one.context_tokens)
        for one in writers
    ]
    found += [
        _entry(COLLECTION + one.name, "chat.completions", f"Answers from the collection {one.name}.")
        for one in collections
    ]
    found += [_entry(one.name, "rerank", one.description, max_tokens=one.context_tokens) for one in rerankers]
    return found + [_entry(one.name, "rerank", one.summary) for one in methods if one.name != "none"]


def _entry(name: str, task: str, description: str, **more: Any) -> dict[str, Any]:
    # OpenAI's type asks for a time of creation, which no card has.
    return {
        "id": name,
        "object": "model",
        "created": 0,
        "owned_by": "tieback",
        "tieback": {"task": task, "description": description, **more},
    }


async def _first(collections: AsyncIterator[Any]) -> list[Any]:
    found: list[Any] = []
    with suppress(Unimplemented):  # a server without an index
        async for one in collections:
            found.append(one)
            if len(found) == COLLECTIONS:
                break
    return found
