"""tieback.v1.IndexService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.rpc import status_pb2

from tieback.core.call import waited
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.operation_ports import SnapshotsPort
from tieback.ports import IndexPort, StoredItemsPort
from tieback.serving.conversions.codec import elements_alone, write_timing
from tieback.serving.conversions.searches import read_indexed_item
from tieback.serving.requests import failures, rpcs
from tieback.serving.requests.context import time_left
from tieback.serving.requests.parsing import converted
from tieback.serving.servicers.batch import PartialBatch
from tieback.serving.servicers.of_port import handlers, servicer
from tieback.v1 import index_pb2

Context = grpc.aio.ServicerContext[Any, Any]
_DURABLE = status_pb2.Status()


def index_servicer(index: IndexPort, snapshots: SnapshotsPort, stored: StoredItemsPort) -> Any:
    """The servicer of the index: it keeps and finds items, and keeps collections as they were."""
    own = {**handlers(snapshots, rpcs.SNAPSHOTS), **handlers(stored, rpcs.STORED)}
    return servicer(index, rpcs.INDEX, **own, UpsertItems=Upserts(index).serve)


class Upserts:
    """Streams of writes."""

    def __init__(self, index: IndexPort) -> None:
        self._index = index

    async def serve(
        self, requests: AsyncIterator[index_pb2.UpsertItemsRequest], context: Context
    ) -> AsyncIterator[index_pb2.UpsertItemsResponse]:
        """Writes items; every request is answered, in order, once its good items are durable."""
        collection = ""
        sequence = 0
        deadline = time_left(context)
        async for request in requests:
            collection = request.collection or collection
            yield await self._upsert(collection, sequence, request, deadline)
            sequence += 1

    async def _upsert(
        self, collection: str, sequence: int, request: index_pb2.UpsertItemsRequest, deadline: Deadline
    ) -> index_pb2.UpsertItemsResponse:
        batch = await converted(
            lambda: PartialBatch(elements_alone(read_indexed_item, request.items), "items")
        )
        timing = None
        refused: list[TiebackError | None] = []
        if batch.good or not request.items:
            reply = await waited(lambda: self._index.upsert(collection, batch.good), deadline)
            refused, timing = list(reply.results), write_timing(reply.timing)
        return index_pb2.UpsertItemsResponse(
            sequence=sequence,
            results=[
                _DURABLE if error is None else failures.to_status(error) for error in batch.merged(refused)
            ],
            timing=timing,
        )
