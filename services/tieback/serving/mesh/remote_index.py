"""The index as others see it over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from types import SimpleNamespace
from typing import Any, TypeAlias

from tieback_contract.reports import Timing

from tieback.core.call import NO_CALL, Call
from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedItem, UpsertReply
from tieback.serving.conversions.codec import read_timing
from tieback.serving.conversions.searches import write_indexed_item
from tieback.serving.mesh import Mesh, directory, stream
from tieback.serving.mesh import call as asked
from tieback.serving.requests import failures, rpcs
from tieback.serving.requests.rpcs import Arguments, Rpc
from tieback.v1 import index_pb2

Target: TypeAlias = str | Callable[[Any], str]
"""The deployment that is called, or what chooses it by the request."""


def remote(mesh: Mesh, known: Mapping[str, Rpc], target: Target) -> Any:
    """The port of a service that is called on the mesh: it has the methods of these RPCs."""
    return SimpleNamespace(
        **{
            rpc.name: (_events if rpc.method.response_streaming else _unary)(mesh, rpc, target)
            for rpc in known.values()
        }
    )


def _unary(mesh: Mesh, rpc: Rpc, target: Target) -> Callable[..., Any]:
    async def method(request: Any, call: Call = NO_CALL) -> Any:
        to = target if isinstance(target, str) else target(request)
        message = rpc.request.write(request)
        return rpc.reply.read(await asked(mesh, to, message, rpc.reply_message, call.deadline))

    if rpc.signature is None:
        return method
    signature = rpc.signature

    async def of_arguments(*given: Any, **named: Any) -> Any:
        arguments = signature.bind(None, *given, **named).arguments
        del arguments["self"]
        call = arguments.pop("call", NO_CALL)
        return await method(Arguments(arguments), call)

    return of_arguments


def _events(mesh: Mesh, rpc: Rpc, target: Target) -> Callable[[Any, Call], AsyncIterator[Any]]:
    async def method(request: Any, call: Call) -> AsyncIterator[Any]:
        """The events as they come; leaving the iteration cancels the call."""
        to = target if isinstance(target, str) else target(request)
        events = stream(mesh, to, rpc.request.write(request), rpc.reply_message, call.deadline)
        async with aclosing(events):
            async for event in events:
                yield rpc.reply.read(event)

    return method


def remote_index(mesh: Mesh, message_bytes: int) -> Any:
    """The index's port. Items are written by streams of one request, each of at most half a message."""

    async def upsert(collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """Writes items durably, those that fit one message in one step."""
        written = [write_indexed_item(item) for item in items]
        results: list[TiebackError | None] = []
        timing = Timing()
        for batch in _batches(written, message_bytes // 2):
            reply = await _upserted(mesh, index_pb2.UpsertItemsRequest(collection=collection, items=batch))
            results.extend(reply.results)
            timing = reply.timing
        return UpsertReply(results, timing)

    port = remote(mesh, rpcs.INDEX, directory.INDEX)
    port.upsert = upsert
    return port


async def _upserted(mesh: Mesh, request: index_pb2.UpsertItemsRequest) -> UpsertReply:
    """A stream of one request, which may be repeated."""
    results: list[TiebackError | None] = []
    timing = Timing()
    async for response in stream(mesh, directory.INDEX, request, index_pb2.UpsertItemsResponse):
        results = [failures.from_status(status) if status.code else None for status in response.results]
        timing = read_timing(response.timing)
    return UpsertReply(results, timing)


def _batches(items: Sequence[index_pb2.IndexedItem], most: int) -> Iterator[list[index_pb2.IndexedItem]]:
    """Parts of at most so many bytes, or of one item, with its vectors and originals."""
    batch: list[index_pb2.IndexedItem] = []
    size = 0
    for item in items:
        length = item.ByteSize()
        if batch and size + length > most:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += length
    if batch:
        yield batch
