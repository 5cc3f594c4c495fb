"""A real gRPC server with canned answers: the whole contract, with as little behind it as can be.

Vectors are made of a text's length, writes go to a dictionary, an answer is the same five events. As a
program it serves until it is killed: ``python canned.py PORT``.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

import grpc
import numpy as np
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tieback.v1 import (
    answer_pb2,
    answer_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    evidence_pb2,
    generator_pb2,
    generator_pb2_grpc,
    index_pb2,
    index_pb2_grpc,
    report_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    tenant_pb2,
    vector_pb2,
)

SPACE = vector_pb2.SpaceRef(name="tiny", revision="r1", fingerprint="f1")
WIDTH = 8
MESSAGE_BYTES = 6 * 1024 * 1024
TIMING = report_pb2.Timing(
    queue_us=100,
    prepare_us=200,
    compute_us=3000,
    total_us=3500,
    stages=[
        report_pb2.Stage(name="encode:tiny", begin_us=0, duration_us=1500),
        report_pb2.Stage(name="search", begin_us=1500, duration_us=2000),
    ],
)


class Poison(grpc.ServerInterceptor):
    """Puts a text at the end of every string that the server answers, where that does not break it."""

    KEPT = frozenset({"next_page_token", "parameters_schema", "evidence_id"})

    def __init__(self, text: str) -> None:
        self.text = text

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = continuation(details)
        if details.method.startswith("/grpc."):
            return handler
        serialize = handler.response_serializer
        return handler._replace(response_serializer=lambda message: serialize(self.added(message)))

    def added(self, message: Message) -> Message:
        """A copy of the message with the text in it."""
        copy = type(message)()
        copy.CopyFrom(message)
        self._add(copy)
        return copy

    def _add(self, message: Message) -> None:
        for field, value in message.ListFields():
            entry = field.message_type is not None and field.message_type.GetOptions().map_entry
            if entry:
                self._add_to_map(field, value)
            elif field.message_type is not None:
                for one in value if field.is_repeated else [value]:
                    self._add(one)
            elif field.type == field.TYPE_STRING and field.name not in self.KEPT:
                if field.is_repeated:
                    value[:] = [one + self.text for one in value]
                else:
                    setattr(message, field.name, value + self.text)

    def _add_to_map(self, field: Any, value: Any) -> None:
        kind = field.message_type.fields_by_name["value"]
        for key in list(value):
            if kind.type == kind.TYPE_STRING:
                value[key + self.text] = value.pop(key) + self.text
            elif kind.message_type is not None:
                value[key + self.text].CopyFrom(value[key])
                self._add(value[key + self.text])
                del value[key]
            else:
                value[key + self.text] = value.pop(key)


def abort(context: Any, code: grpc.StatusCode, message: str, *details: Message) -> None:
    """Ends a call as tieback's servers do."""
    request_id = dict(context.invocation_metadata()).get("x-request-id", "")
    packed = status(code, message, *details).SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", packed), ("x-request-id", request_id)))
    context.abort(code, message)


def status(code: grpc.StatusCode, message: str, *details: Message) -> status_pb2.Status:
    made = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


def info(reason: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="tieback")


def retry_after(seconds: float) -> error_details_pb2.RetryInfo:
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def bad_field(field: str, message: str) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
    return error_details_pb2.BadRequest(field_violations=[violation])


def values_of(text: str) -> np.ndarray[Any, Any]:
    """What the space says of a text: as many ones as it has letters, at unit norm."""
    values = np.zeros(WIDTH, np.float32)
    values[: max(1, min(WIDTH, len(text)))] = 1
    return values / np.linalg.norm(values)


def tensor(values: np.ndarray[Any, Any], dtype: int) -> tuple[vector_pb2.Tensor, float]:
    if dtype == vector_pb2.DATA_TYPE_FLOAT16:
        data, scale = values.astype("<f2").tobytes(), 0.0
    elif dtype == vector_pb2.DATA_TYPE_INT8:
        scale = float(np.abs(values).max() / 127)
        data = np.round(values / scale).astype(np.int8).tobytes()
    elif dtype == vector_pb2.DATA_TYPE_BINARY:
        data, scale = np.packbits(values > 0).tobytes(), 0.0
    else:
        dtype, data, scale = vector_pb2.DATA_TYPE_FLOAT32, values.astype("<f4").tobytes(), 0.0
    return vector_pb2.Tensor(dtype=dtype, shape=values.shape, data=data), scale


def sparse_of(text: str, output: vector_pb2.OutputSpec) -> vector_pb2.SparseVector | None:
    """A term per letter, as heavy as the letter's place."""
    if vector_pb2.VECTOR_KIND_SPARSE not in output.kinds:
        return None
    letters = sorted(set(text))
    weights, _ = tensor(np.array([1 + text.index(one) for one in letters], np.float32), 0)
    return vector_pb2.SparseVector(
        space=SPACE,
        indices=[ord(one) for one in letters],
        weights=weights,
        terms=letters if output.terms else (),
    )


BOXES = vector_pb2.Boxes(xs=[0, 0.5], ys=[0, 0], widths=[1, 0.5], heights=[1, 1])
TIMES = vector_pb2.TimeRanges(begin_seconds=[0, 0.5], end_seconds=[1, 1.5])


def multi_vector(
    content: content_pb2.Content, output: vector_pb2.OutputSpec
) -> vector_pb2.MultiVector | None:
    """Two bytes each of a text, the whole and the right half of a picture, or two windows of a sound."""
    if vector_pb2.VECTOR_KIND_MULTI_VECTOR not in output.kinds:
        return None
    values, _ = tensor(np.eye(2, WIDTH, dtype=np.float32), vector_pb2.DATA_TYPE_FLOAT32)
    found = vector_pb2.MultiVector(space=SPACE, values=values)
    match content.WhichOneof("kind"):
        case "image":
            found.boxes.CopyFrom(BOXES)
        case "audio":
            found.time_ranges.CopyFrom(TIMES)
        case _:
            found.byte_spans.CopyFrom(vector_pb2.ByteSpans(begin_bytes=[0, 2], end_bytes=[2, 4]))
    return found


class Log:
    """What the server saw."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.metadata: list[dict[str, Any]] = []
        self.cancelled = threading.Event()
        self.batches: list[list[str]] = []
        self.requests: list[encoder_pb2.EncodeRequest] = []
        self.fused: list[router_pb2.FuseRequest] = []
        self.retrievals: list[answer_pb2.RetrieveRequest] = []
        self.searches: list[index_pb2.SearchRequest] = []
        self.upserted: list[index_pb2.IndexedItem] = []
        self.endpoints: list[str] = []
        self._seen: set[str] = set()

    def first_time(self, what: str) -> bool:
        """Whether it was never asked of this before."""
        seen = what in self._seen
        self._seen.add(what)
        return not seen

    def note(self, name: str, context: Any) -> None:
        self.calls.append(name)
        self.metadata.append(dict(context.invocation_metadata()))


class Encoder(encoder_pb2_grpc.EncoderServiceServicer):
    def __init__(self, log: Log, gone_after: int) -> None:
        self.log, self.gone_after = log, gone_after

    def Encode(self, request: encoder_pb2.EncodeRequest, context: Any) -> encoder_pb2.EncodeResponse:
        self.log.note("Encode", context)
        if request.space == "slow" and self.log.calls.count("Encode") == 1:
            time.sleep(0.5)
        if request.space == "busy":
            abort(
                context,
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                "900 tokens wait",
                info("OVERLOADED"),
                retry_after(0.25),
            )
        if request.space == "flaky" and self.log.calls.count("Encode") < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        if request.space == "busy-at-first" and self.log.first_time("busy"):
            abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, "wait", info("OVERLOADED"), retry_after(0.05))
        if request.space not in ("tiny", "slow", "busy", "flaky", "busy-at-first"):
            missing = error_details_pb2.ResourceInfo(resource_type="space", resource_name=request.space)
            message = f"no space is named {request.space!r}; the choices are: tiny"
            abort(context, grpc.StatusCode.NOT_FOUND, message, info("SPACE_NOT_FOUND"), missing)
        request_id = dict(context.invocation_metadata()).get("x-request-id", "")
        context.set_trailing_metadata((("x-request-id", request_id), ("x-peer", context.peer())))
        return self._batch(request)

    def EncodeStream(
        self, requests: Iterator[encoder_pb2.EncodeStreamRequest], context: Any
    ) -> Iterator[encoder_pb2.EncodeStreamResponse]:
        """Answers two batches at a time, the later one first."""
        self.log.note("EncodeStream", context)
        context.add_callback(self.log.cancelled.set)
        again = self.log.calls.count("EncodeStream") > 1
        held: list[encoder_pb2.EncodeStreamResponse] = []
        for number, one in enumerate(requests):
            if self.gone_after and number == self.gone_after and not again:
                context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")
            self.log.batches.append([content.text for content in one.request.contents])
            held.append(self._answer(one))
            if len(held) == 2:
                yield from reversed(held)
                held.clear()
        yield from held

    def _answer(self, one: encoder_pb2.EncodeStreamRequest) -> encoder_pb2.EncodeStreamResponse:
        failure = None
        if one.request.space != "tiny":
            failure = status(grpc.StatusCode.NOT_FOUND, "no such space", info("SPACE_NOT_FOUND"))
        elif any(content.text == "poison" for content in one.request.contents):
            failure = status(grpc.StatusCode.INTERNAL, "it broke")
        if failure is not None:
            return encoder_pb2.EncodeStreamResponse(id=one.id, error=failure)
        return encoder_pb2.EncodeStreamResponse(id=one.id, response=self._batch(one.request))

    def _batch(self, request: encoder_pb2.EncodeRequest) -> encoder_pb2.EncodeResponse:
        self.log.requests.append(request)
        results = [self._one(one, request.output) for one in request.contents]
        cost = report_pb2.Cost(
            batch_size=len(results), tokens=3 * len(results), padding_tokens=1, cached_items=1
        )
        return encoder_pb2.EncodeResponse(results=results, timing=TIMING, cost=cost)

    def _one(self, content: content_pb2.Content, output: vector_pb2.OutputSpec) -> encoder_pb2.EncodeResult:
        if content.text == "bad":
            message = (
                "the text has 900 tokens and the model reads 256; send it in parts or ask to truncate it"
            )
            details = (info("TOO_LONG"), bad_field("contents[1].text", message))
            return encoder_pb2.EncodeResult(error=status(grpc.StatusCode.INVALID_ARGUMENT, message, *details))
        if content.WhichOneof("kind") == "text" and not content.text:
            details = (info("EMPTY_TEXT"), bad_field("text", "the text is empty; send some"))
            return encoder_pb2.EncodeResult(
                error=status(grpc.StatusCode.INVALID_ARGUMENT, "the text is empty; send some", *details)
            )
        values = values_of(content.text)[: output.width or WIDTH]
        data, scale = tensor(values, output.dtype)
        labels = []
        if vector_pb2.VECTOR_KIND_LABELS in output.kinds:
            labels = [content_pb2.Label(name="cat", index=3, probability=0.9)]
        dense = None
        if not output.kinds or vector_pb2.VECTOR_KIND_DENSE in output.kinds:
            dense = vector_pb2.Vector(space=SPACE, values=data, normalized=True, scale=scale)
        return encoder_pb2.EncodeResult(
            encoding=encoder_pb2.Encoding(
                space=SPACE,
                modality=content_pb2.MODALITY_TEXT,
                dense=dense,
                multi_vector=multi_vector(content, output),
                labels=labels,
                sparse=sparse_of(content.text, output),
                token_count=3,
                source=encoder_pb2.ENCODING_SOURCE_MEMORY,
            )
        )


class Router(router_pb2_grpc.RouterServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def Fuse(self, request: router_pb2.FuseRequest, context: Any) -> router_pb2.FuseResponse:
        self.log.fused.append(request)
        weights = dict(request.routing.weights) or {"tiny": 1.0}
        results = []
        for one in request.inputs:
            explanation = router_pb2.RoutingExplanation(
                policy=request.routing.policy or "uniform",
                weights=[router_pb2.SpaceWeight(space=k, weight=v) for k, v in weights.items()],
            )
            encoding = one.parts[0].encoding
            fused = router_pb2.Fused(vector=encoding.dense, routing=explanation)
            if request.parts_apart:
                fused.parts.CopyFrom(encoding.multi_vector)
            if request.role != router_pb2.ROLE_DOCUMENT:
                fused.ignored.add(modality=content_pb2.MODALITY_TEXT, begin=2, end=4)
            results.append(router_pb2.FuseResult(fused=fused))
        return router_pb2.FuseResponse(results=results, timing=TIMING)


class Reranker(reranker_pb2_grpc.RerankerServiceServicer):
    def Rerank(self, request: reranker_pb2.RerankRequest, context: Any) -> reranker_pb2.RerankResponse:
        pair = reranker_pb2.AlignedPair(
            query=vector_pb2.Locator(byte_span=vector_pb2.TextSpan(begin_byte=0, end_byte=3)),
            candidate=vector_pb2.Locator(byte_span=vector_pb2.TextSpan(begin_byte=1, end_byte=4)),
            similarity=0.5,
            weight=1.0,
        )
        results = [
            reranker_pb2.RerankResult(
                id=one.id,
                score=float(len(one.source.content.text)),
                rerank_score=float(len(one.source.content.text)),
                first_rank=i,
                alignment=reranker_pb2.Alignment(pairs=[pair]) if request.explain else None,
            )
            for i, one in enumerate(request.candidates)
        ]
        results.sort(key=lambda one: -one.score)
        return reranker_pb2.RerankResponse(results=results, timing=TIMING)


class Index(index_pb2_grpc.IndexServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log
        self.collections: dict[str, index_pb2.Collection] = {}
        self.items: dict[str, content_pb2.Item] = {}

    def CreateCollection(
        self, request: index_pb2.CreateCollectionRequest, context: Any
    ) -> index_pb2.CreateCollectionResponse:
        made = index_pb2.Collection(
            name=request.name, space=request.space, width=request.width, routing=request.routing
        )
        if request.name == "broken":
            made.damage = "its files are damaged; delete it"
        made.create_time.FromSeconds(1_700_000_000)
        self.collections[request.name] = made
        return index_pb2.CreateCollectionResponse(collection=made)

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
                tenant_pb2.SharedCollection(name="globex/future", role=77),  # of a later version
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
                context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")
            results = [self._write(one) for one in request.items]
            self.index.collections.setdefault(
                request.collection, index_pb2.Collection(name=request.collection, space=SPACE, width=WIDTH)
            )
            yield answer_pb2.IngestItemsResponse(sequence=number, results=results, timing=TIMING)

    def _write(self, item: content_pb2.Item) -> answer_pb2.IngestResult:
        if item.sections[0].content.image.endswith(b"not a picture"):
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
        return retrieval()

    def Answer(self, request: Any, context: Any) -> Iterator[answer_pb2.AnswerResponse]:
        self.log.note("Answer", context)
        self.log.retrievals.append(request.retrieval)
        question = request.retrieval.query[0].content.text
        yield answer_pb2.AnswerResponse(retrieval=retrieval())
        for event in generation(question):
            yield answer_pb2.AnswerResponse(generation=event)
        yield answer_pb2.AnswerResponse()  # an event of a newer contract


class Generator(generator_pb2_grpc.GeneratorServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def Generate(self, request: Any, context: Any) -> Iterator[generator_pb2.GenerateResponse]:
        self.log.note("Generate", context)
        if request.prompt == "for ever":
            context.add_callback(self.log.cancelled.set)
            while context.is_active():
                yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text="and "))
                time.sleep(0.02)
            return
        if request.prompt == "flaky" and self.log.calls.count("Generate") < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        yield from generation(request.prompt)
        if request.prompt == "breaks":
            context.abort(grpc.StatusCode.UNAVAILABLE, "gone in the middle")


class Catalog(catalog_pb2_grpc.CatalogServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def ListSpaces(self, request: Any, context: Any) -> catalog_pb2.ListSpacesResponse:
        self.log.note("ListSpaces", context)
        return catalog_pb2.ListSpacesResponse(spaces=[space()])

    def GetSpace(self, request: Any, context: Any) -> catalog_pb2.GetSpaceResponse:
        return catalog_pb2.GetSpaceResponse(space=space())

    def ListModels(self, request: Any, context: Any) -> catalog_pb2.ListModelsResponse:
        model = catalog_pb2.Model(name="writer", revision="r1", context_tokens=2048, ready=True)
        return catalog_pb2.ListModelsResponse(models=[model])

    def ListMethods(self, request: Any, context: Any) -> catalog_pb2.ListMethodsResponse:
        method = catalog_pb2.MethodDescription(
            family="reranking",
            name="late_interaction",
            summary="Sums each query token's best match.",
            parameters_schema='{"properties": {"pairs": {"type": "integer", "default": 5}}}',
        )
        return catalog_pb2.ListMethodsResponse(methods=[method])

    def ListEndpoints(self, request: Any, context: Any) -> catalog_pb2.ListEndpointsResponse:
        self.log.note("ListEndpoints", context)
        listed = [catalog_pb2.Endpoint(address=one) for one in self.log.endpoints]
        return catalog_pb2.ListEndpointsResponse(endpoints=listed, valid_ms=200)

    def GetServerInfo(self, request: Any, context: Any) -> catalog_pb2.GetServerInfoResponse:
        self.log.note("GetServerInfo", context)
        state = catalog_pb2.ServiceState(name="encoder:tiny", ready=True, replicas=1)
        limits = catalog_pb2.Limits(message_bytes=MESSAGE_BYTES, batch_items=64, audio_seconds=600)
        return catalog_pb2.GetServerInfoResponse(
            version="9.9.9", limits=limits, services=[state], retrieval=PLAN
        )


def space() -> catalog_pb2.Space:
    return catalog_pb2.Space(
        ref=SPACE,
        modalities=[content_pb2.MODALITY_TEXT, content_pb2.MODALITY_IMAGE, content_pb2.MODALITY_AUDIO],
        width=WIDTH,
        widths=[4, 8],
        kinds=[vector_pb2.VECTOR_KIND_DENSE, vector_pb2.VECTOR_KIND_MULTI_VECTOR],
        max_tokens=256,
        description="A tiny space.",
        license="Apache-2.0",
        binding="component",
        ready=True,
        precision="int8",
        drift=[catalog_pb2.Drift(measure="cosine, smallest", value=0.9934, float32_value=1)],
        blocks=[catalog_pb2.Block(space="tiny", width=4), catalog_pb2.Block(space="eyes", width=3)],
        paths=["eyes -> tiny (affine)"],
        binding_revision="0123456789ab",
    )


def hit() -> index_pb2.Hit:
    made = index_pb2.Hit(
        item_id="tides.md",
        item_title="Tides",
        section_id="2",
        section_title="Why the sea moves",
        modality=content_pb2.MODALITY_TEXT,
        text="Twice a day the water rises and falls. The moon pulls the sea towards it, and the sun helps.",
        uri="tides.md",
        score=0.75,
        vector_score=0.75,
        pieces=[index_pb2.FoundPiece(section_id="2-2", text="The sun helps.", score=0.5)],
    )
    made.metadata["year"].number_value = 1687
    made.metadata["path"].string_value = "tides.md"
    return made


def photo() -> index_pb2.Hit:
    """A hit that was found by a part of it."""
    return index_pb2.Hit(
        item_id="beach.jpg",
        item_title="Beach",
        modality=content_pb2.MODALITY_IMAGE,
        text="seashore",
        score=0.5,
        vector_score=0.5,
        part=vector_pb2.Box(x=0.5, y=0, width=0.5, height=0.5),
    )


PLAN = answer_pb2.RetrievalPlan(
    hybrid=True,
    balance_modalities=True,
    fusion=report_pb2.Method(name="standard_scores"),
    reranker=report_pb2.Method(name="none"),
    candidates=10,
    relevance_floor=0.1,
    collapse_pieces=True,
)


def retrieval() -> answer_pb2.RetrieveResponse:
    return answer_pb2.RetrieveResponse(
        hits=[
            answer_pb2.RetrievedHit(
                hit=hit(), search_score=0.6, search_rank=2, rerank_score=0.75, relevance=0.9
            ),
            answer_pb2.RetrievedHit(
                hit=photo(), search_score=0.5, search_rank=1, relevance=0.05, below_floor=True
            ),
        ],
        routing=router_pb2.RoutingExplanation(
            policy="uniform",
            weights=[
                router_pb2.SpaceWeight(space="tiny", weight=0.75),
                router_pb2.SpaceWeight(space="other", weight=0.25),
            ],
            entropy=0.56,
            missing=["third"],
            missing_reasons={"third": "late"},
            expected_recall_loss=4.2,
            degraded=True,
            binding="0123456789ab",
            modality="image+text",
            fallback="no router knows image: equal weights",
            paths=["eyes -> tiny (class names)"],
            stand_ins={"third": "substitute"},
        ),
        labels=[content_pb2.Label(name="seashore", index=978, probability=0.8)],
        timing=TIMING,
        plan=PLAN,
    )


def generation(prompt: str) -> Iterator[generator_pb2.GenerateResponse]:
    if prompt == "unanswerable":
        yield generator_pb2.GenerateResponse(
            abstention=evidence_pb2.Abstention(
                reason=evidence_pb2.ABSTENTION_REASON_WEAK_EVIDENCE,
                score=0.1,
                threshold=0.3,
                message="nothing that was found bears on the question",
            )
        )
        reason = generator_pb2.FINISH_REASON_ABSTAINED
    else:
        for piece in ("The moon ", "moves it."):
            yield generator_pb2.GenerateResponse(text=generator_pb2.TextDelta(text=piece))
        span = vector_pb2.TextSpan(begin_byte=0, end_byte=18)
        yield generator_pb2.GenerateResponse(
            claim=evidence_pb2.Claim(id=1, span=span, text="The moon moves it.")
        )
        place = evidence_pb2.Locator(
            item_id="tides.md",
            section_id="2",
            text_span=vector_pb2.TextSpan(begin_byte=39, end_byte=73),
        )
        yield generator_pb2.GenerateResponse(
            citation=evidence_pb2.Citation(claim_id=1, evidence_id="1", locator=place, support=0.9)
        )
        yield generator_pb2.GenerateResponse(
            verdict=evidence_pb2.Verdict(
                claim_id=1, label=evidence_pb2.VERDICT_LABEL_SUPPORTED, score=0.9, checker="overlap"
            )
        )
        reason = generator_pb2.FINISH_REASON_END
    yield generator_pb2.GenerateResponse(
        finish=generator_pb2.Finish(
            reason=reason,
            model="writer",
            prompt_tokens=40,
            completion_tokens=5,
            timing=TIMING,
            first_token_us=1200,
        )
    )


def serve(port: int = 0, *, gone_after: int = 0, poison: str = "") -> tuple[grpc.Server, int, Log]:
    """Starts the whole; returns the server, its port and what it saw."""
    log = Log()
    server = grpc.server(
        futures.ThreadPoolExecutor(16),
        interceptors=[Poison(poison)] if poison else [],
        options=[("grpc.max_receive_message_length", MESSAGE_BYTES), ("grpc.so_reuseport", 0)],
    )
    index = Index(log)
    encoder_pb2_grpc.add_EncoderServiceServicer_to_server(Encoder(log, gone_after), server)
    router_pb2_grpc.add_RouterServiceServicer_to_server(Router(log), server)
    reranker_pb2_grpc.add_RerankerServiceServicer_to_server(Reranker(), server)
    index_pb2_grpc.add_IndexServiceServicer_to_server(index, server)
    answer_pb2_grpc.add_AnswerServiceServicer_to_server(Answers(log, index, gone_after), server)
    generator_pb2_grpc.add_GeneratorServiceServicer_to_server(Generator(log), server)
    catalog_pb2_grpc.add_CatalogServiceServicer_to_server(Catalog(log), server)
    probe = health.HealthServicer()
    probe.set("", health_pb2.HealthCheckResponse.SERVING)
    probe.set("tieback.v1.GeneratorService", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(probe, server)
    bound = server.add_insecure_port(f"localhost:{port}")
    server.start()
    return server, bound, log


if __name__ == "__main__":
    running, _, _ = serve(int(sys.argv[1]))
    running.wait_for_termination()
