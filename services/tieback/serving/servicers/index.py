"""tieback.v1.IndexService."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.rpc import status_pb2
from tieback_contract.field_path import at

from tieback.core.bulk import waited
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.ports import IndexPort, StoredItemsPort
from tieback.serving import failures
from tieback.serving.conversions.collections import (
    read_collection_source,
    write_collection,
    write_collection_source,
)
from tieback.serving.conversions.contents import write_content, write_item
from tieback.serving.conversions.frames import optional
from tieback.serving.conversions.query_options import options_of_request, read_query_options
from tieback.serving.conversions.reports import read_method, write_timing
from tieback.serving.conversions.routings import read_routing
from tieback.serving.conversions.searches import (
    read_indexed_item,
    read_search_request,
    write_search_reply,
)
from tieback.serving.conversions.snapshots import write_snapshot
from tieback.serving.conversions.tenants import write_usage
from tieback.serving.conversions.token_vectors import read_token_vectors
from tieback.serving.conversions.vectors import read_space
from tieback.serving.reading import converted
from tieback.serving.servicers.batch import Batch
from tieback.serving.servicers.time_left import deadline_of, time_left
from tieback.snapshots_port import SnapshotsPort
from tieback.v1 import index_pb2, index_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_DURABLE = status_pb2.Status()


class IndexServicer(index_pb2_grpc.IndexServiceServicer):
    """Keeps and finds items, and keeps collections as they were."""

    def __init__(self, index: IndexPort, snapshots: SnapshotsPort, stored: StoredItemsPort) -> None:
        self._index, self._snapshots, self._stored = index, snapshots, stored

    async def CreateCollection(
        self, request: index_pb2.CreateCollectionRequest, context: Context
    ) -> index_pb2.CreateCollectionResponse:
        """Makes an empty collection."""
        collection = await self._index.create_collection(
            request.name,
            read_space(request.space),
            request.width,
            read_routing(request.routing, at("routing")),
            read_method(request.codec, at("codec")) if request.HasField("codec") else None,
            optional(request, "token_vectors", read_token_vectors),
            optional(request, "plan", read_query_options),
        )
        return index_pb2.CreateCollectionResponse(collection=write_collection(collection))

    async def UpdateCollection(
        self, request: index_pb2.UpdateCollectionRequest, context: Context
    ) -> index_pb2.UpdateCollectionResponse:
        """Changes how queries of a collection are answered where they do not say."""
        plan = read_query_options(request.plan, at("plan"))
        collection = await self._index.update_collection(request.name, plan)
        return index_pb2.UpdateCollectionResponse(collection=write_collection(collection))

    async def GetCollection(
        self, request: index_pb2.GetCollectionRequest, context: Context
    ) -> index_pb2.GetCollectionResponse:
        """Describes a collection."""
        collection = await self._index.get_collection(request.name)
        return index_pb2.GetCollectionResponse(collection=write_collection(collection))

    async def ListCollections(
        self, request: index_pb2.ListCollectionsRequest, context: Context
    ) -> index_pb2.ListCollectionsResponse:
        """Lists the collections by name."""
        collections, token = await self._index.list_collections(
            page_size=request.page_size, page_token=request.page_token
        )
        return index_pb2.ListCollectionsResponse(
            collections=[write_collection(collection) for collection in collections], next_page_token=token
        )

    async def DeleteCollection(
        self, request: index_pb2.DeleteCollectionRequest, context: Context
    ) -> index_pb2.DeleteCollectionResponse:
        """Removes a collection."""
        await self._index.delete_collection(request.name)
        return index_pb2.DeleteCollectionResponse()

    async def RecordSource(
        self, request: index_pb2.RecordSourceRequest, context: Context
    ) -> index_pb2.RecordSourceResponse:
        """Notes a folder that items come from."""
        source = await self._index.record_source(
            request.collection, read_collection_source(request.source), moved=request.moved
        )
        return index_pb2.RecordSourceResponse(source=write_collection_source(source))

    async def DeleteSource(
        self, request: index_pb2.DeleteSourceRequest, context: Context
    ) -> index_pb2.DeleteSourceResponse:
        """Removes a source and its items."""
        count = await self._index.delete_source(request.collection, request.name)
        return index_pb2.DeleteSourceResponse(deleted_count=count)

    async def GetUsage(
        self, request: index_pb2.GetUsageRequest, context: Context
    ) -> index_pb2.GetUsageResponse:
        """Returns the caller's tenant and what it stores."""
        return index_pb2.GetUsageResponse(usage=write_usage(await self._index.usage()))

    async def UpsertItems(
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
        batch = await converted(lambda: Batch(request.items, read_indexed_item, at("items")))
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

    async def DeleteItems(
        self, request: index_pb2.DeleteItemsRequest, context: Context
    ) -> index_pb2.DeleteItemsResponse:
        """Removes items."""
        count = await self._index.delete_items(request.collection, list(request.ids))
        return index_pb2.DeleteItemsResponse(deleted_count=count)

    async def GetItem(self, request: index_pb2.GetItemRequest, context: Context) -> index_pb2.GetItemResponse:
        """Reads one item."""
        item = await self._index.get_item(request.collection, request.id)
        return index_pb2.GetItemResponse(item=write_item(item))

    async def GetOriginal(
        self, request: index_pb2.GetOriginalRequest, context: Context
    ) -> index_pb2.GetOriginalResponse:
        """Reads what a section was encoded from."""
        content = await self._stored.original(request.collection, request.item_id, request.section_id)
        return index_pb2.GetOriginalResponse(content=write_content(content))

    async def ListItems(
        self, request: index_pb2.ListItemsRequest, context: Context
    ) -> index_pb2.ListItemsResponse:
        """Lists items by id."""
        items, token = await self._index.list_items(
            request.collection,
            page_size=request.page_size,
            page_token=request.page_token,
            filter=request.filter,
            sections=not request.without_sections,
            deadline=deadline_of(context),
        )
        return index_pb2.ListItemsResponse(
            items=[write_item(item, sections=not request.without_sections) for item in items],
            next_page_token=token,
        )

    async def Search(self, request: index_pb2.SearchRequest, context: Context) -> index_pb2.SearchResponse:
        """Finds the nearest sections."""
        asked, call = read_search_request(request), Call(deadline_of(context))
        with options_of_request():
            reply = await self._index.search(asked, call)
        return write_search_reply(reply)

    async def CreateSnapshot(
        self, request: index_pb2.CreateSnapshotRequest, context: Context
    ) -> index_pb2.CreateSnapshotResponse:
        """Keeps a collection as it is now."""
        snapshot = await self._snapshots.create_snapshot(request.collection, request.name)
        return index_pb2.CreateSnapshotResponse(snapshot=write_snapshot(snapshot))

    async def ListSnapshots(
        self, request: index_pb2.ListSnapshotsRequest, context: Context
    ) -> index_pb2.ListSnapshotsResponse:
        """Lists the snapshots by name."""
        snapshots, token = await self._snapshots.list_snapshots(
            page_size=request.page_size, page_token=request.page_token
        )
        return index_pb2.ListSnapshotsResponse(
            snapshots=[write_snapshot(snapshot) for snapshot in snapshots], next_page_token=token
        )

    async def RestoreSnapshot(
        self, request: index_pb2.RestoreSnapshotRequest, context: Context
    ) -> index_pb2.RestoreSnapshotResponse:
        """Makes a collection of a snapshot."""
        collection = await self._snapshots.restore_snapshot(
            request.snapshot, request.collection, any_space=request.any_space
        )
        return index_pb2.RestoreSnapshotResponse(collection=write_collection(collection))

    async def DeleteSnapshot(
        self, request: index_pb2.DeleteSnapshotRequest, context: Context
    ) -> index_pb2.DeleteSnapshotResponse:
        """Removes a snapshot."""
        await self._snapshots.delete_snapshot(request.name)
        return index_pb2.DeleteSnapshotResponse()

    async def ExportSnapshot(
        self, request: index_pb2.ExportSnapshotRequest, context: Context
    ) -> index_pb2.ExportSnapshotResponse:
        """Reads a part of a snapshot."""
        part = await self._snapshots.export_snapshot(request.name, request.offset)
        return index_pb2.ExportSnapshotResponse(data=part.data, total_bytes=part.total)

    async def ImportSnapshot(
        self, request: index_pb2.ImportSnapshotRequest, context: Context
    ) -> index_pb2.ImportSnapshotResponse:
        """Takes a part of a snapshot."""
        received, made = await self._snapshots.import_snapshot(
            request.name, request.offset, request.data, last=request.last
        )
        return index_pb2.ImportSnapshotResponse(
            received_bytes=received, snapshot=None if made is None else write_snapshot(made)
        )
