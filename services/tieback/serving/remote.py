"""The services as others see them over the wire: `tieback.ports` implemented by calls on the mesh."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from collections.abc import Collection as Names
from contextlib import aclosing
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import TiebackError
from tieback.core.tenant import Usage
from tieback.core.types.collection import Collection, IndexedItem, Source, UpsertReply
from tieback.core.types.content import Content, Item
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeReply, SplitReply
from tieback.core.types.fusion import FusePart, FuseReply, IgnoredDimensions, Role, Routing
from tieback.core.types.generation import Decoding, Evidence, GenerationEvent, Grounding
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.reindexing import PendingItem, ReindexedItem, ReindexState
from tieback.core.types.report import Timing
from tieback.core.types.rerank import RerankCandidate, RerankReply
from tieback.core.types.search import SearchReply
from tieback.core.types.vectors import SpaceRef, TokenVectors, Vector
from tieback.core.unknown_space import unknown_space
from tieback.ports import (
    DEFAULT_DECODING,
    DEFAULT_GROUNDING,
    DEFAULT_PLAN,
    DEFAULT_RERANKING,
    DEFAULT_ROUTING,
)
from tieback.serving import failures, targets
from tieback.serving.contract import METHODS
from tieback.serving.conversions.contents import (
    read_encode_reply,
    read_item,
    read_split_reply,
    write_cache,
    write_content,
    write_truncation,
)
from tieback.serving.conversions.generations import (
    read_event,
    write_decoding,
    write_evidence,
    write_grounding,
)
from tieback.serving.conversions.reindexing import read_pending, read_state, write_reindexed
from tieback.serving.conversions.reports import read_timing, write_method
from tieback.serving.conversions.routings import (
    read_fuse_reply,
    write_fuse_input,
    write_ignored,
    write_role,
    write_routing,
)
from tieback.serving.conversions.searches import (
    read_collection,
    read_collection_source,
    read_rerank_reply,
    read_search_reply,
    write_candidate,
    write_collection_source,
    write_indexed_item,
    write_token_source,
)
from tieback.serving.conversions.tenants import read_usage
from tieback.serving.conversions.vectors import write_output, write_space, write_vector
from tieback.serving.mesh import Mesh
from tieback.v1 import encoder_pb2, generator_pb2, index_pb2, reranker_pb2, router_pb2

R = TypeVar("R", bound=Message)


async def _call(
    mesh: Mesh, target: str, path: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> R:
    """One message for another. Raises the error that the service reported."""
    try:
        data = await mesh.unary(target, METHODS[path], request.SerializeToString(), deadline=deadline)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None
    return answer.FromString(data)


async def _stream(
    mesh: Mesh, target: str, path: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
) -> AsyncGenerator[R, None]:
    """One message for a stream of others. Raises the error that the service reported."""
    stream = mesh.stream(target, METHODS[path], request.SerializeToString(), deadline=deadline)
    try:
        async with aclosing(stream):
            async for data in stream:
                yield answer.FromString(data)
    except grpc.aio.AioRpcError as error:
        raise failures.from_rpc_error(error) from None


class RemoteEncoder:
    """All encoders: the space decides which deployment is asked."""

    def __init__(self, mesh: Mesh, spaces: Names[str]) -> None:
        self._mesh = mesh
        self._spaces = spaces

    async def encode(
        self,
        space: str,
        contents: Sequence[Content],
        plan: EncodePlan = DEFAULT_PLAN,
        *,
        cache: CachePolicy = CachePolicy.USE,
        deadline: Deadline = NO_DEADLINE,
    ) -> EncodeReply:
        """One result per content, in order."""
        if space not in self._spaces:
            raise unknown_space(space, self._spaces)
        request = encoder_pb2.EncodeRequest(
            space=space,
            contents=[write_content(content) for content in contents],
            output=write_output(plan),
            truncation=write_truncation(plan.truncation),
            cache=write_cache(cache),
        )
        path = "/tieback.v1.EncoderService/Encode"
        target = targets.encoder(space)
        return read_encode_reply(
            await _call(self._mesh, target, path, request, encoder_pb2.EncodeResponse, deadline)
        )

    async def split(
        self,
        space: str,
        texts: Sequence[str],
        *,
        max_tokens: int = 0,
        overlap: float | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> SplitReply:
        """Where to cut texts so that the space reads every piece to its end."""
        if space not in self._spaces:
            raise unknown_space(space, self._spaces)
        request = encoder_pb2.SplitTextsRequest(
            space=space, texts=texts, max_tokens=max_tokens, overlap=overlap
        )
        path = "/tieback.v1.EncoderService/SplitTexts"
        target = targets.encoder(space)
        return read_split_reply(
            await _call(self._mesh, target, path, request, encoder_pb2.SplitTextsResponse, deadline)
        )


class RemoteRouter:
    """The router."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def fuse(
        self,
        inputs: Sequence[Sequence[FusePart]],
        *,
        role: Role = Role.QUERY,
        routing: Routing = DEFAULT_ROUTING,
        parts_apart: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> FuseReply:
        """One result per input, in order; with `parts_apart`, parts of pictures get vectors too."""
        request = router_pb2.FuseRequest(
            inputs=[write_fuse_input(parts) for parts in inputs],
            role=write_role(role),
            routing=write_routing(routing),
            parts_apart=parts_apart,
        )
        path = "/tieback.v1.RouterService/Fuse"
        return read_fuse_reply(
            await _call(self._mesh, targets.ROUTER, path, request, router_pb2.FuseResponse, deadline)
        )


class RemoteReranker:
    """The reranker."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def rerank(
        self,
        query: str | TokenVectors,
        candidates: Sequence[RerankCandidate],
        *,
        method: MethodChoice = DEFAULT_RERANKING,
        fusion: MethodChoice | None = None,
        space: str = "",
        limit: int = 0,
        explain: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> RerankReply:
        """The candidates, best first."""
        request = reranker_pb2.RerankRequest(
            query=write_token_source(query),
            candidates=[write_candidate(candidate) for candidate in candidates],
            method=write_method(method),
            fusion=None if fusion is None else write_method(fusion),
            space=space,
            limit=limit,
            explain=explain,
        )
        path = "/tieback.v1.RerankerService/Rerank"
        return read_rerank_reply(
            await _call(self._mesh, targets.RERANKER, path, request, reranker_pb2.RerankResponse, deadline)
        )


class RemoteGenerator:
    """The generator."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    async def generate(
        self,
        prompt: str,
        evidence: Sequence[Evidence] = (),
        *,
        model: str = "",
        decoding: Decoding = DEFAULT_DECODING,
        grounding: Grounding = DEFAULT_GROUNDING,
        deadline: Deadline = NO_DEADLINE,
    ) -> AsyncIterator[GenerationEvent]:
        """The events as they come; leaving the iteration cancels the call."""
        request = generator_pb2.GenerateRequest(
            model=model,
            prompt=prompt,
            evidence=[write_evidence(passage) for passage in evidence],
            decoding=write_decoding(decoding),
            grounding=write_grounding(grounding),
        )
        path = "/tieback.v1.GeneratorService/Generate"
        events = _stream(
            self._mesh, targets.GENERATOR, path, request, generator_pb2.GenerateResponse, deadline
        )
        async with aclosing(events):
            async for event in events:
                yield read_event(event)


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

    _PATH = "/tieback.v1.IndexService/"

    def __init__(self, mesh: Mesh, message_bytes: int) -> None:
        self._mesh, self._message_bytes = mesh, message_bytes

    async def create_collection(
        self, name: str, space: SpaceRef, width: int, routing: Routing = DEFAULT_ROUTING
    ) -> Collection:
        """Makes a collection, or returns the equal one."""
        request = index_pb2.CreateCollectionRequest(
            name=name, space=write_space(space), width=width, routing=write_routing(routing)
        )
        response = await self._call("CreateCollection", request, index_pb2.CreateCollectionResponse)
        return read_collection(response.collection)

    async def get_collection(self, name: str) -> Collection:
        """NotFound, with the choices, where there is none."""
        request = index_pb2.GetCollectionRequest(name=name)
        response = await self._call("GetCollection", request, index_pb2.GetCollectionResponse)
        return read_collection(response.collection)

    async def list_collections(
        self, *, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[Collection], str]:
        """A page by name, and the token of the next one."""
        request = index_pb2.ListCollectionsRequest(page_size=page_size, page_token=page_token)
        response = await self._call("ListCollections", request, index_pb2.ListCollectionsResponse)
        return [read_collection(collection) for collection in response.collections], response.next_page_token

    async def delete_collection(self, name: str) -> None:
        """Removes a collection and all it holds."""
        request = index_pb2.DeleteCollectionRequest(name=name)
        await self._call("DeleteCollection", request, index_pb2.DeleteCollectionResponse)

    async def record_source(self, collection: str, source: Source, *, moved: bool = False) -> Source:
        """Notes a folder that items come from."""
        request = index_pb2.RecordSourceRequest(
            collection=collection, source=write_collection_source(source), moved=moved
        )
        return read_collection_source(
            (await self._call("RecordSource", request, index_pb2.RecordSourceResponse)).source
        )

    async def delete_source(self, collection: str, name: str) -> int:
        """Removes a source and its items; returns how many there were."""
        request = index_pb2.DeleteSourceRequest(collection=collection, name=name)
        return (await self._call("DeleteSource", request, index_pb2.DeleteSourceResponse)).deleted_count

    async def usage(self) -> Usage:
        """Who the running task works for, and what that tenant stores."""
        response = await self._call("GetUsage", index_pb2.GetUsageRequest(), index_pb2.GetUsageResponse)
        return read_usage(response.usage)

    async def begin_reindex(self, collection: str, space: SpaceRef, width: int) -> ReindexState:
        """Begins to make vectors of another space for a collection, or goes on."""
        request = index_pb2.BeginReindexRequest(collection=collection, space=write_space(space), width=width)
        return read_state((await self._call("BeginReindex", request, index_pb2.BeginReindexResponse)).state)

    async def list_pending(self, collection: str, after: str = "") -> list[PendingItem]:
        """The next items, by id, that lack such vectors, with their contents."""
        request = index_pb2.ListPendingItemsRequest(collection=collection, after=after)
        response = await self._call("ListPendingItems", request, index_pb2.ListPendingItemsResponse)
        return [read_pending(one, f"items[{place}]") for place, one in enumerate(response.items)]

    async def write_reindexed(
        self, collection: str, items: Sequence[ReindexedItem]
    ) -> list[TiebackError | None]:
        """Writes such vectors, durably."""
        request = index_pb2.WriteReindexedItemsRequest(
            collection=collection, items=[write_reindexed(one) for one in items]
        )
        response = await self._call("WriteReindexedItems", request, index_pb2.WriteReindexedItemsResponse)
        return [failures.from_status(one) if one.code else None for one in response.results]

    async def finish_reindex(self, collection: str, dropped: Sequence[str] = ()) -> ReindexState:
        """Replaces the collection's vectors where no item lacks some."""
        request = index_pb2.FinishReindexRequest(collection=collection, dropped=dropped)
        return read_state((await self._call("FinishReindex", request, index_pb2.FinishReindexResponse)).state)

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
        stream = _stream(
            self._mesh, targets.INDEX, f"{self._PATH}UpsertItems", request, index_pb2.UpsertItemsResponse
        )
        results, timing = [], Timing()
        async for response in stream:
            results = [failures.from_status(status) if status.code else None for status in response.results]
            timing = read_timing(response.timing)
        return UpsertReply(results, timing)

    async def delete_items(self, collection: str, ids: Sequence[str]) -> int:
        """Removes items; returns how many were there."""
        request = index_pb2.DeleteItemsRequest(collection=collection, ids=ids)
        return (await self._call("DeleteItems", request, index_pb2.DeleteItemsResponse)).deleted_count

    async def get_item(self, collection: str, item_id: str) -> Item:
        """The item as it was written, without bytes of pictures and sounds."""
        request = index_pb2.GetItemRequest(collection=collection, id=item_id)
        response = await self._call("GetItem", request, index_pb2.GetItemResponse)
        return read_item(response.item, "item", contents=False)

    async def list_items(
        self,
        collection: str,
        *,
        page_size: int = 0,
        page_token: str = "",
        filter: str = "",
        deadline: Deadline = NO_DEADLINE,
    ) -> tuple[list[Item], str]:
        """A page by id, and the token of the next one."""
        request = index_pb2.ListItemsRequest(
            collection=collection, page_size=page_size, page_token=page_token, filter=filter
        )
        response = await self._call("ListItems", request, index_pb2.ListItemsResponse, deadline)
        items = [
            read_item(item, f"items[{index}]", contents=False) for index, item in enumerate(response.items)
        ]
        return items, response.next_page_token

    async def search(
        self,
        collection: str,
        *,
        vector: Vector | None = None,
        text: str = "",
        limit: int = 0,
        filter: str = "",
        fusion: MethodChoice | None = None,
        balance_modalities: bool = False,
        collapse_pieces: bool = False,
        ignored: Sequence[IgnoredDimensions] = (),
        deadline: Deadline = NO_DEADLINE,
    ) -> SearchReply:
        """The nearest sections, best first."""
        request = index_pb2.SearchRequest(
            collection=collection,
            vector=None if vector is None else write_vector(vector),
            text=text,
            limit=limit,
            filter=filter,
            fusion=None if fusion is None else write_method(fusion),
            balance_modalities=balance_modalities,
            collapse_pieces=collapse_pieces,
            ignored=write_ignored(ignored),
        )
        return read_search_reply(await self._call("Search", request, index_pb2.SearchResponse, deadline))

    async def _call(
        self, method: str, request: Message, answer: type[R], deadline: Deadline = NO_DEADLINE
    ) -> R:
        return await _call(self._mesh, targets.INDEX, self._PATH + method, request, answer, deadline)
