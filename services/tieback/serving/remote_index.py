"""The index as others see it over the wire: `IndexPort` implemented by calls on the mesh."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from tieback_contract.collections import Source
from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions
from tieback_contract.reports import Timing
from tieback_contract.vectors import SpaceRef

from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import TiebackError
from tieback.core.tenant import TenantUsage
from tieback.core.types.collection import Collection, IndexedItem, UpsertReply
from tieback.core.types.content import Item
from tieback.core.types.fusion import Routing
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.core.types.token_vectors import TokenVectors
from tieback.ports import DEFAULT_ROUTING
from tieback.serving import failures, targets
from tieback.serving.conversions.collections import (
    read_collection,
    read_collection_source,
    write_collection_source,
)
from tieback.serving.conversions.contents import read_item
from tieback.serving.conversions.query_options import write_query_options
from tieback.serving.conversions.reports import read_timing, write_method
from tieback.serving.conversions.routings import write_routing
from tieback.serving.conversions.searches import (
    read_search_reply,
    write_indexed_item,
    write_search_request,
)
from tieback.serving.conversions.tenants import read_usage
from tieback.serving.conversions.token_vectors import write_token_vectors
from tieback.serving.conversions.vectors import write_space
from tieback.serving.mesh import Mesh
from tieback.serving.remote_call import call, stream
from tieback.v1 import index_pb2

R = TypeVar("R", bound=Message)


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


class RemoteIndex:
    """The index."""

    def __init__(self, mesh: Mesh, message_bytes: int) -> None:
        self._mesh, self._message_bytes = mesh, message_bytes

    async def create_collection(
        self,
        name: str,
        space: SpaceRef,
        width: int,
        routing: Routing = DEFAULT_ROUTING,
        codec: MethodChoice | None = None,
        token_vectors: TokenVectors | None = None,
        plan: QueryOptions | None = None,
    ) -> Collection:
        """Makes a collection, or returns the equal one."""
        request = index_pb2.CreateCollectionRequest(
            name=name,
            space=write_space(space),
            width=width,
            routing=write_routing(routing),
            codec=None if codec is None else write_method(codec),
            token_vectors=write_token_vectors(token_vectors),
            plan=None if plan is None else write_query_options(plan),
        )
        response = await self._call(request, index_pb2.CreateCollectionResponse)
        return read_collection(response.collection)

    async def update_collection(self, name: str, plan: QueryOptions) -> Collection:
        """Replaces how its queries are answered where they do not say."""
        request = index_pb2.UpdateCollectionRequest(name=name, plan=write_query_options(plan))
        return read_collection((await self._call(request, index_pb2.UpdateCollectionResponse)).collection)

    async def get_collection(self, name: str) -> Collection:
        """NotFound, with the choices, where there is none."""
        request = index_pb2.GetCollectionRequest(name=name)
        response = await self._call(request, index_pb2.GetCollectionResponse)
        return read_collection(response.collection)

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[Collection], str]:
        """A page by name, and the token of the next one."""
        request = index_pb2.ListCollectionsRequest(page_size=page_size, page_token=page_token)
        response = await self._call(request, index_pb2.ListCollectionsResponse)
        return [read_collection(collection) for collection in response.collections], response.next_page_token

    async def delete_collection(self, name: str) -> None:
        """Removes a collection and all it holds."""
        request = index_pb2.DeleteCollectionRequest(name=name)
        await self._call(request, index_pb2.DeleteCollectionResponse)

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """Notes a folder that items come from."""
        request = index_pb2.RecordSourceRequest(
            collection=collection, source=write_collection_source(source), moved=moved
        )
        return read_collection_source((await self._call(request, index_pb2.RecordSourceResponse)).source)

    async def delete_source(self, collection: str, name: str) -> int:
        """Removes a source and its items; returns how many there were."""
        request = index_pb2.DeleteSourceRequest(collection=collection, name=name)
        return (await self._call(request, index_pb2.DeleteSourceResponse)).deleted_count

    async def usage(self) -> TenantUsage:
        """Who the running task works for, and what that tenant stores."""
        response = await self._call(index_pb2.GetUsageRequest(), index_pb2.GetUsageResponse)
        return read_usage(response.usage)

    async def upsert(self, collection: str, items: Sequence[IndexedItem]) -> UpsertReply:
        """Writes items durably, those that fit one message in one step."""
        written = [write_indexed_item(item) for item in items]
        results: list[TiebackError | None] = []
        timing = Timing()
        for batch in _batches(written, self._message_bytes // 2):
            reply = await self._upsert(collection, batch)
            results.extend(reply.results)
            timing = reply.timing
        return UpsertReply(results, timing)

    async def _upsert(self, collection: str, items: Sequence[index_pb2.IndexedItem]) -> UpsertReply:
        """A stream of one request, which may be repeated."""
        request = index_pb2.UpsertItemsRequest(collection=collection, items=items)
        answers = stream(self._mesh, targets.INDEX, request, index_pb2.UpsertItemsResponse)
        results, timing = [], Timing()
        async for response in answers:
            results = [failures.from_status(status) if status.code else None for status in response.results]
            timing = read_timing(response.timing)
        return UpsertReply(results, timing)

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """Removes items; returns how many were there."""
        request = index_pb2.DeleteItemsRequest(collection=collection, ids=ids)
        return (await self._call(request, index_pb2.DeleteItemsResponse)).deleted_count

    async def get_item(self, collection: str, item_id: str) -> Item:
        """The item as it was written, without bytes of pictures and sounds."""
        request = index_pb2.GetItemRequest(collection=collection, id=item_id)
        response = await self._call(request, index_pb2.GetItemResponse)
        return read_item(response.item, at("item"), contents=False)

    async def list_items(
        self,
        collection: str,
        *,
        page_size: int = 0,
        page_token: str = "",
        filter: str = "",
        sections: bool = True,
        deadline: Deadline = NO_DEADLINE,
    ) -> tuple[list[Item], str]:
        """A page by id, and the token of the next one."""
        request = index_pb2.ListItemsRequest(
            collection=collection,
            page_size=page_size,
            page_token=page_token,
            filter=filter,
            without_sections=not sections,
        )
        response = await self._call(request, index_pb2.ListItemsResponse, deadline)
        items = [
            read_item(item, at("items", index), contents=False) for index, item in enumerate(response.items)
        ]
        return items, response.next_page_token

    async def search(self, request: SearchRequest, call: Call = NO_CALL) -> SearchReply:
        """The nearest sections, best first."""
        message = write_search_request(request)
        return read_search_reply(await self._call(message, index_pb2.SearchResponse, call.deadline))

    async def _call(self, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE) -> R:
        return await call(self._mesh, targets.INDEX, request, answer, deadline)
