"""The services of the canned server that keep items and find them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import grpc
from google.rpc import error_details_pb2, status_pb2
from tieback.serving.conversions.generations import write_event
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    content_pb2,
    index_pb2,
    index_pb2_grpc,
    tenant_pb2,
)

from support.canned.contents import SPACE, TIMING, WIDTH, explained, generation, hit, photo, retrieval
from support.canned.failing import abort, bad_field, info, status
from support.canned.log import Log
from support.shown_answers import every_answer

LATER = cast("tenant_pb2.TenantRole", 77)
"""A role of a later version."""


class Index(index_pb2_grpc.IndexServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log
        self.collections: dict[str, index_pb2.Collection] = {}
        self.items: dict[str, content_pb2.Item] = {}
        self.snapshots: dict[str, index_pb2.Snapshot] = {}

    def CreateCollection(
        self, request: index_pb2.CreateCollectionRequest, context: Any
    ) -> index_pb2.CreateCollectionResponse:
        made = index_pb2.Collection(
            name=request.name,
            space=request.space,
            width=request.width,
            routing=request.routing,
            codec=request.codec if request.HasField("codec") else None,
            token_vectors=request.token_vectors if request.HasField("token_vectors") else None,
            resident_bytes=1_500_000,
            plan=request.plan if request.HasField("plan") else None,
        )
        if request.name == "broken":
            made.damage = "its files are damaged; delete it"
        made.create_time.FromSeconds(1_700_000_000)
        self.collections[request.name] = made
        return index_pb2.CreateCollectionResponse(collection=made)

    def UpdateCollection(self, request: Any, context: Any) -> index_pb2.UpdateCollectionResponse:
        found = self.collections[request.name]
        found.plan.CopyFrom(request.plan)
        return index_pb2.UpdateCollectionResponse(collection=found)

    def GetCollection(self, request: Any, context: Any) -> index_pb2.GetCollectionResponse:
        if request.name not in self.collections:
            missing = error_details_pb2.ResourceInfo(resource_type="collection", resource_name=request.name)
            message = f"no collection is named {request.name!r}; the choices are: notes"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("COLLECTION_NOT_FOUND"), missing)
        return index_pb2.GetCollectionResponse(collection=self.collections[request.name])

    def GetUsage(self, request: Any, context: Any) -> index_pb2.GetUsageResponse:
        sent = dict(context.invocation_metadata()).get("authorization", "")
        if sent not in ("", "Bearer acme-token"):
            message = "the token is not one of this server's"
            told = info("UNAUTHENTICATED")
            told.metadata["hint"] = "send the metadata 'authorization: Bearer TOKEN'"
            abort(context, grpc.StatusCode.UNAUTHENTICATED, message, told)
        usage = tenant_pb2.Usage(
            tenant="acme" if sent else "",
            role=tenant_pb2.TENANT_ROLE_WRITE,
            item_count=1200,
            byte_count=5_000_000,
            collection_count=len(self.collections),
            quota=tenant_pb2.Quota(item_count=2000, tokens_per_second=500.0),
            shared=[
                tenant_pb2.SharedCollection(name="globex/handbook", role=tenant_pb2.TENANT_ROLE_READ),
                tenant_pb2.SharedCollection(name="globex/future", role=LATER),
            ],
        )
        return index_pb2.GetUsageResponse(usage=usage)

    def ListCollections(self, request: Any, context: Any) -> index_pb2.ListCollectionsResponse:
        self.log.note("ListCollections", context)
        names = sorted(self.collections)
        begin, size = int(request.page_token or 0), request.page_size or 2
        more = begin + size < len(names)
        return index_pb2.ListCollectionsResponse(
            collections=[self.collections[name] for name in names[begin : begin + size]],
            next_page_token=str(begin + size) if more else "",
        )

    def DeleteCollection(self, request: Any, context: Any) -> index_pb2.DeleteCollectionResponse:
        self.collections.pop(request.name, None)
        return index_pb2.DeleteCollectionResponse()

    def RecordSource(self, request: Any, context: Any) -> index_pb2.RecordSourceResponse:
        sources = self.collections[request.collection].sources
        others = [one for one in sources if one.name != request.source.name]
        del sources[:]
        sources.extend([*others, request.source])
        return index_pb2.RecordSourceResponse(source=request.source)

    def DeleteSource(self, request: Any, context: Any) -> index_pb2.DeleteSourceResponse:
        sources = self.collections[request.collection].sources
        others = [one for one in sources if one.name != request.name]
        del sources[:]
        sources.extend(others)
        return index_pb2.DeleteSourceResponse(deleted_count=len(self.items))

    def CreateSnapshot(self, request: Any, context: Any) -> index_pb2.CreateSnapshotResponse:
        made = index_pb2.Snapshot(
            name=request.name,
            collection=request.collection,
            space=SPACE,
            width=WIDTH,
            item_count=len(self.items),
            byte_count=4096,
            version="0.2.0",
        )
        if request.name == "broken":
            made.damage = "its manifest is damaged: delete it"
        made.create_time.FromSeconds(1_700_000_000)
        self.snapshots[request.name] = made
        return index_pb2.CreateSnapshotResponse(snapshot=made)

    def ListSnapshots(self, request: Any, context: Any) -> index_pb2.ListSnapshotsResponse:
        names = sorted(self.snapshots)
        begin, size = int(request.page_token or 0), request.page_size or 2
        more = begin + size < len(names)
        return index_pb2.ListSnapshotsResponse(
            snapshots=[self.snapshots[name] for name in names[begin : begin + size]],
            next_page_token=str(begin + size) if more else "",
        )

    def RestoreSnapshot(self, request: Any, context: Any) -> index_pb2.RestoreSnapshotResponse:
        if request.snapshot not in self.snapshots:
            message = f"no snapshot is named {request.snapshot!r}; there are none yet"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("SNAPSHOT_NOT_FOUND"))
        made = index_pb2.Collection(name=request.collection, space=SPACE, width=WIDTH)
        if request.any_space:
            made.stale = "its space is not served"
        self.collections[request.collection] = made
        return index_pb2.RestoreSnapshotResponse(collection=made)

    def DeleteSnapshot(self, request: Any, context: Any) -> index_pb2.DeleteSnapshotResponse:
        self.snapshots.pop(request.name, None)
        return index_pb2.DeleteSnapshotResponse()

    def UpsertItems(self, requests: Iterator[Any], context: Any) -> Iterator[index_pb2.UpsertItemsResponse]:
        self.log.note("UpsertItems", context)
        for number, request in enumerate(requests):
            self.log.upserted.extend(request.items)
            self.items |= {one.item.id: one.item for one in request.items}
            fine = [status_pb2.Status() for _ in request.items]
            yield index_pb2.UpsertItemsResponse(sequence=number, results=fine, timing=TIMING)

    def DeleteItems(self, request: Any, context: Any) -> index_pb2.DeleteItemsResponse:
        there = [one for one in request.ids if self.items.pop(one, None) is not None]
        return index_pb2.DeleteItemsResponse(deleted_count=len(there))

    def GetItem(self, request: Any, context: Any) -> index_pb2.GetItemResponse:
        if request.id not in self.items:
            abort(context, grpc.StatusCode.NOT_FOUND, f"no item is named {request.id!r}")
        return index_pb2.GetItemResponse(item=self.items[request.id])

    def ListItems(self, request: Any, context: Any) -> index_pb2.ListItemsResponse:
        names = sorted(self.items)
        begin, size = int(request.page_token or 0), request.page_size or 100
        more = begin + size < len(names)
        return index_pb2.ListItemsResponse(
            items=[self.items[name] for name in names[begin : begin + size]],
            next_page_token=str(begin + size) if more else "",
        )

    def Search(self, request: Any, context: Any) -> index_pb2.SearchResponse:
        self.log.searches.append(request)
        return index_pb2.SearchResponse(hits=[hit(), photo()], timing=TIMING)


class Answers(answer_pb2_grpc.AnswerServiceServicer):
    def __init__(self, log: Log, index: Index, gone_after: int) -> None:
        self.log, self.index, self.gone_after = log, index, gone_after

    def IngestItems(self, requests: Iterator[Any], context: Any) -> Iterator[answer_pb2.IngestItemsResponse]:
        self.log.note("IngestItems", context)
        again = self.log.calls.count("IngestItems") > 1
        for number, request in enumerate(requests):
            if self.gone_after and number == self.gone_after and not again:
                details = [info(self.log.break_reason)] if self.log.break_reason else []
                abort(context, grpc.StatusCode.UNAVAILABLE, "gone in the middle", *details)
            results = [self._write(one) for one in request.items]
            self.index.collections.setdefault(
                request.collection, index_pb2.Collection(name=request.collection, space=SPACE, width=WIDTH)
            )
            yield answer_pb2.IngestItemsResponse(sequence=number, results=results, timing=TIMING)

    def _write(self, item: content_pb2.Item) -> answer_pb2.IngestResult:
        content = item.sections[0].content
        is_empty = content.WhichOneof("kind") == "image" and not content.image
        if is_empty or content.image.endswith(b"not a picture"):
            message = "the picture cannot be decoded; is it damaged?"
            details = (info("INVALID_INPUT"), bad_field("sections[0].content.image", message))
            refused = status(grpc.StatusCode.INVALID_ARGUMENT, message, *details)
            return answer_pb2.IngestResult(id=item.id, status=refused)
        self.index.items[item.id] = item
        result = answer_pb2.IngestResult(id=item.id, status=status_pb2.Status(), truncated_sections=1)
        if "lengthy" in item.id:
            result.split_sections, result.added_sections = 1, 2
            result.truncated.add(space="tiny", sections=1, tokens=40, window=128)
        return result

    def Retrieve(self, request: Any, context: Any) -> answer_pb2.RetrieveResponse:
        self.log.note("Retrieve", context)
        self.log.retrievals.append(request)
        if request.filter == "year >":
            message = "the filter ends where a value is expected"
            abort(
                context,
                grpc.StatusCode.INVALID_ARGUMENT,
                message,
                info("INVALID_INPUT"),
                bad_field("filter", message),
            )
        if request.collection not in self.index.collections and self.index.collections:
            message = f"no collection is named {request.collection!r}; the choices are: notes"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("COLLECTION_NOT_FOUND"))
        return explained() if request.explain else retrieval()

    def Answer(self, request: Any, context: Any) -> Iterator[answer_pb2.AnswerResponse]:
        self.log.note("Answer", context)
        self.log.retrievals.append(request.retrieval)
        self.log.samplings.append(request.sampling)
        self.log.conversations.append((request.system, [one.text for one in request.history]))
        question = request.retrieval.query[0].content.text
        yield answer_pb2.AnswerResponse(retrieval=retrieval())
        of_this_name = every_answer().get(question)
        for event in generation(question) if of_this_name is None else map(write_event, of_this_name):
            yield answer_pb2.AnswerResponse(generation=event)
        if question == "breaks":
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")
        yield answer_pb2.AnswerResponse()  # an event of a newer contract
