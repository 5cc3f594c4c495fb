"""Collections, their items, and search."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Unpack

from tieback.v1 import index_pb2
from tieback_contract.catalog import Space
from tieback_contract.collections import Source
from tieback_contract.field_path import at
from tieback_contract.fusion import Fused
from tieback_contract.modality import Modality
from tieback_contract.query import NO_OPTIONS, QueryKeywords, QueryOptions
from tieback_contract.vectors import SpaceRef, Vector, VectorKind

from tieback_client.errors import InvalidArgument
from tieback_client.messages import reading, reading_hits, reading_server, writing, writing_items
from tieback_client.reports import CallInfo
from tieback_client.transport.exchange import Exchange, write_result
from tieback_client.transport.paging import Page, Pages
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import pages, unary, writes
from tieback_client.values.catalog import Usage
from tieback_client.values.content import Content
from tieback_client.values.documents import Collection, Item, TokenVectorsLike, write_token_vectors
from tieback_client.values.events import MethodLike, Weights
from tieback_client.values.results import SearchResult
from tieback_client.values.writes import Acknowledgement


def create_collection(
    name: str,
    space: str | Space | SpaceRef = "",
    *,
    width: int | None = None,
    weights: Weights | None = None,
    imputation: MethodLike | None = None,
    codec: MethodLike | None = None,
    token_vectors: TokenVectorsLike = False,
    plan: QueryOptions | None = None,
    timeout: float | None = None,
) -> Procedure[Collection]:
    """Makes an empty collection, or returns the equal one that is there.

    `space` is a name, or what `space(name)` returned: the joint space, or a dense one; by default the joint
    one where it is served, else the only dense one. `width` is the space's own by default. `weights` per
    space of the joint one, or the name of a routing policy, are for queries that do not say theirs, and so is
    `imputation`, a method of the family of that name. `codec`, a method of the family "codecs", is how its
    vectors are kept in the memory of the server, once and for all: ``"binary"`` takes little of it. With
    `token_vectors` those of the tokens of texts are kept on its disk, so that reranking encodes no texts:
    True for the defaults, or `TokenVectors`. `plan` is what `retrieve` and `answer` do with it where a query
    does not say; `update_collection` changes it. `AlreadyExists` where the name is taken by a collection of
    another space, width, weights, codec or plan, or with other token vectors.
    """
    from tieback_client.procedures.server import space as describe

    if isinstance(space, str):
        space = yield from describe(space, timeout=timeout)
        if VectorKind.DENSE not in space.kinds:
            raise InvalidArgument.at(
                "space", f"the space {space.name!r} has no dense vectors, so a collection cannot be in it"
            )
    if isinstance(space, SpaceRef) and width is None:
        width = (yield from describe(space.name, timeout=timeout)).width
    ref = space if isinstance(space, SpaceRef) else space.ref
    wide = width if width is not None or isinstance(space, SpaceRef) else space.width
    request = index_pb2.CreateCollectionRequest(
        name=name,
        space=writing.space_ref(ref),
        width=wide,
        routing=writing.routing(weights, imputation),
        codec=writing.method(codec, at("codec")),
        token_vectors=write_token_vectors(token_vectors, at("token_vectors")),
        plan=writing.query_options(plan or NO_OPTIONS, at("plan")),
    )
    reply = yield UnaryCall(RPCS["CreateCollection"], request, timeout)
    return reading.collection(reply.message.collection)


def update_collection(
    name: str, *, plan: QueryOptions | None, timeout: float | None = None
) -> Procedure[Collection]:
    """Replaces what `retrieve` and `answer` do with a collection where a query does not say.

    None leaves the server's defaults. Queries follow it within some seconds.
    """
    request = index_pb2.UpdateCollectionRequest(
        name=name, plan=writing.query_options(plan or NO_OPTIONS, at("plan"))
    )
    reply = yield UnaryCall(RPCS["UpdateCollection"], request, timeout)
    return reading.collection(reply.message.collection)


def get_collection(name: str, *, timeout: float | None = None) -> Procedure[Collection]:
    """A collection as it stands. `NotFound`, with the choices, where there is none of that name."""
    reply = yield UnaryCall(RPCS["GetCollection"], index_pb2.GetCollectionRequest(name=name), timeout)
    return reading.collection(reply.message.collection)


def collections(*, page_size: int = 0, timeout: float | None = None) -> Pages[Collection]:
    """All collections by name, page after page as they are read."""

    def fetch(token: str) -> Procedure[Page[Collection]]:
        request = index_pb2.ListCollectionsRequest(page_size=page_size, page_token=token)
        reply = yield UnaryCall(RPCS["ListCollections"], request, timeout)
        found = [reading.collection(one) for one in reply.message.collections]
        return Page(found, reply.message.next_page_token)

    return Pages(fetch)


def delete_collection(name: str, *, timeout: float | None = None) -> Procedure[None]:
    """Removes a collection and all it holds."""
    yield UnaryCall(RPCS["DeleteCollection"], index_pb2.DeleteCollectionRequest(name=name), timeout)


def usage(*, timeout: float | None = None) -> Procedure[Usage]:
    """Who calls: the token's tenant and role, what others share with it, what it stores and may store."""
    reply = yield UnaryCall(RPCS["GetUsage"], index_pb2.GetUsageRequest(), timeout)
    return reading_server.usage(reply.message.usage, call=reply.info)


def record_source(
    collection: str,
    name: str,
    *,
    host: str,
    location: str,
    moved: bool = False,
    timeout: float | None = None,
) -> Procedure[Source]:
    """Notes a folder that items of a collection come from, and that it is indexed now.

    `location` is the folder's absolute path on the machine `host`. `AlreadyExists` where the name is that of
    a source at another place, unless it has `moved`. Items belong to it by their metadata (`INDEXED_FROM`).
    """
    request = index_pb2.RecordSourceRequest(
        collection=collection,
        source=index_pb2.Source(
            name=writing.text(name, "name"),
            host=writing.text(host, "host"),
            location=writing.text(location, "location"),
        ),
        moved=moved,
    )
    reply = yield UnaryCall(RPCS["RecordSource"], request, timeout)
    return reading.source(reply.message.source)


def delete_source(collection: str, name: str, *, timeout: float | None = None) -> Procedure[int]:
    """Removes a source and its items, durably; returns how many items there were."""
    request = index_pb2.DeleteSourceRequest(collection=collection, name=writing.text(name, "name"))
    reply = yield UnaryCall(RPCS["DeleteSource"], request, timeout)
    return int(reply.message.deleted_count)


def upsert(
    collection: str,
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    batch: int = 64,
    in_flight: int = 4,
    timeout: float | None = None,
) -> Exchange[Acknowledgement]:
    """Writes items whose sections bring their vectors, replacing those of the same id.

    Returns an iterator of acknowledgements, each for one batch, given after it is durable. Nothing is sent
    before it is iterated; `collect()` iterates it to its end. At most `in_flight` batches are
    unacknowledged at a time; they are sent again where the connection breaks.
    """

    def request(packed: Sequence[object], _number: int) -> index_pb2.UpsertItemsRequest:
        return index_pb2.UpsertItemsRequest(collection=collection, items=packed)  # type: ignore[arg-type]  # packed by indexed_item

    def result(
        response: index_pb2.UpsertItemsResponse, request: index_pb2.UpsertItemsRequest, _info: CallInfo
    ) -> Acknowledgement:
        pairs = zip(request.items, response.results, strict=True)
        results = [write_result(one.item.id, status) for one, status in pairs]
        return Acknowledgement(results, reading.timing(response.timing))

    return Exchange(
        rpc=RPCS["UpsertItems"],
        items=items,
        pack=writing_items.indexed_item,
        request=request,
        result=result,
        batch=batch,
        in_flight=in_flight,
        timeout=timeout,
    )


def delete(collection: str, ids: str | Sequence[str], *, timeout: float | None = None) -> Procedure[int]:
    """Removes items by id, durably; returns how many were there."""
    listed = [ids] if isinstance(ids, str) else ids
    request = index_pb2.DeleteItemsRequest(collection=collection, ids=listed)
    reply = yield UnaryCall(RPCS["DeleteItems"], request, timeout)
    return int(reply.message.deleted_count)


def get(collection: str, id: str, *, timeout: float | None = None) -> Procedure[Item]:
    """An item as it was written, without bytes of pictures and sounds. `NotFound` where there is none."""
    reply = yield UnaryCall(RPCS["GetItem"], index_pb2.GetItemRequest(collection=collection, id=id), timeout)
    return reading.item(reply.message.item)


def original(collection: str, item: str, section: str, *, timeout: float | None = None) -> Procedure[Content]:
    """What a section of an item was encoded from: an `Image`, `Audio`, `Points` or `Features`, or its `Text`.

    `NotFound`, with the reason ORIGINAL_NOT_FOUND, where the server did not keep it:
    `TIEBACK_ORIGINALS_BYTES` says how much it keeps.
    """
    request = index_pb2.GetOriginalRequest(collection=collection, item_id=item, section_id=section)
    reply = yield UnaryCall(RPCS["GetOriginal"], request, timeout)
    return reading.content(reply.message.content)


def items(
    collection: str,
    *,
    filter: str = "",
    sections: bool = True,
    page_size: int = 0,
    timeout: float | None = None,
) -> Pages[Item]:
    """The items of a collection by id, all or those with a section that matches, page after page.

    Without `sections` they have ids, titles and metadata alone, which is much less to send.
    """

    def fetch(token: str) -> Procedure[Page[Item]]:
        request = index_pb2.ListItemsRequest(
            collection=collection,
            filter=filter,
            page_size=page_size,
            page_token=token,
            without_sections=not sections,
        )
        reply = yield UnaryCall(RPCS["ListItems"], request, timeout)
        return Page([reading.item(one) for one in reply.message.items], reply.message.next_page_token)

    return Pages(fetch)


def count(collection: str, *, filter: str = "", timeout: float | None = None) -> Procedure[tuple[int, int]]:
    """Counts the items with a section that matches, and the sections that match; without `filter`, all.

    `InvalidArgument`, with the place of the fault, for a filter that cannot be read.
    """
    request = index_pb2.CountItemsRequest(collection=collection, filter=filter)
    reply = yield UnaryCall(RPCS["CountItems"], request, timeout)
    return reply.message.item_count, reply.message.section_count


def search(
    collection: str,
    *,
    vector: Vector | Fused | None = None,
    text: str = "",
    limit: int = 10,
    filter: str = "",
    multi_vectors: bool = False,
    token_vectors: bool = False,
    explain: bool = False,
    signals: Sequence[str] = (),
    first_modality: Modality | None = None,
    related_from: float | None = None,
    fill_up: bool = False,
    timeout: float | None = None,
    **options: Unpack[QueryKeywords],
) -> Procedure[SearchResult]:
    """The sections nearest to a vector of the collection's space, to words (full text, BM25), or to both.

    `filter` compares item_id, section_id, modality and metadata keys, joined by AND, OR, NOT and
    parentheses: ``'modality = "image" AND year >= 1990 AND NOT draft'``; docs/search.md#filters has the whole
    language. `InvalidArgument` where no item has a field of it. A joint vector is best given as `fuse`
    returned it, with what is `ignored` of it for some sections, as `retrieve` has it. With `multi_vectors`,
    pictures with regions come with their vectors, which `rerank` takes, and with `token_vectors` texts with
    those of their tokens, where the collection keeps them. `explain` says of each step what it did, as in
    `retrieve`. With names of `signals`, hits have what a learned ranking can go by; docs/search.md lists
    them. By a vector alone, sections of the `first_modality` that are at least so similar as `related_from`
    come first; with `balance_modalities`, those that are not come last. With `fill_up`, what `hits_per_item`
    leaves out are `pieces` of its item's best hit, or hits where other items are too few.

    The options are those of `QueryOptions`; what is left out does not take place. Those of rerankers, learned
    rankings, compositions and conditions are of `retrieve`: `InvalidArgument`.
    To search with a picture or a sentence, use `retrieve`.
    """
    own = vector.vector if isinstance(vector, Fused) else vector
    request = index_pb2.SearchRequest(
        collection=collection,
        vector=None if own is None else writing.vector(own, at("vector")),
        text=writing.text(text, "text"),
        limit=limit,
        filter=writing.text(filter, "filter"),
        options=writing.query_options(options),
        ignored=writing.ignored(vector.ignored) if isinstance(vector, Fused) else [],
        multi_vectors=multi_vectors,
        token_vectors=token_vectors,
        explain=explain,
        signals=[writing.text(one, at("signals", i)) for i, one in enumerate(signals)],
        first_modality=None if first_modality is None else writing.MODALITIES[first_modality],
        related_from=related_from,
        fill_up=fill_up,
    )
    reply = yield UnaryCall(RPCS["Search"], request, timeout)
    hits = list(map(reading_hits.hit, reply.message.hits, reading_hits.stages_of_hits(reply.message)))
    found = reply.message
    return SearchResult(
        hits,
        reading.timing(found.timing),
        reply.info,
        found.expanded,
        found.vector_search.name,
        found.expected_recall if found.HasField("expected_recall") else None,
        found.expected_us / reading.MICROSECONDS if found.HasField("expected_us") else None,
    )


class IndexMethods:
    """The methods of both clients."""

    create_collection = unary(create_collection)
    update_collection = unary(update_collection)
    get_collection = unary(get_collection)
    collections = pages(collections)
    delete_collection = unary(delete_collection)
    usage = unary(usage)
    record_source = unary(record_source)
    delete_source = unary(delete_source)
    upsert = writes(upsert)
    delete = unary(delete)
    get = unary(get)
    original = unary(original)
    items = pages(items)
    count = unary(count)
    search = unary(search)
