"""The index as others see it over the wire."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tieback_contract.reports import Timing

from tieback.core.errors import TiebackError
from tieback.core.types.collection import IndexedItem, UpsertReply
from tieback.serving.conversions.codec import read_timing
from tieback.serving.conversions.searches import write_indexed_item
from tieback.serving.mesh import Mesh, directory, stream
from tieback.serving.mesh.remote_port import remote
from tieback.serving.requests import failures, rpcs
from tieback.v1 import index_pb2


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
