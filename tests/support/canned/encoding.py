"""The services of the canned server that make and compare vectors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import grpc
from google.rpc import error_details_pb2
from tieback.v1 import (
    content_pb2,
    encoder_pb2,
    encoder_pb2_grpc,
    report_pb2,
    reranker_pb2,
    reranker_pb2_grpc,
    router_pb2,
    router_pb2_grpc,
    vector_pb2,
)

from support.canned.contents import SPACE, TIMING, WIDTH, multi_vector, sparse_of, tensor, values_of
from support.canned.failing import abort, bad_field, info, retry_after, status
from support.canned.log import Log


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
        results = [self._one(place, one, request.output) for place, one in enumerate(request.contents)]
        cost = report_pb2.Cost(
            batch_size=len(results), tokens=3 * len(results), padding_tokens=1, cached_items=1
        )
        return encoder_pb2.EncodeResponse(results=results, timing=TIMING, cost=cost)

    def _one(
        self, place: int, content: content_pb2.Content, output: vector_pb2.OutputSpec
    ) -> encoder_pb2.EncodeResult:
        if content.text == "bad":
            message = (
                "the text has 900 tokens and the model reads 256; send it in parts or ask to truncate it"
            )
            details = (info("TOO_LONG"), bad_field(f"contents[{place}].text", message))
            return encoder_pb2.EncodeResult(error=status(grpc.StatusCode.INVALID_ARGUMENT, message, *details))
        if content.WhichOneof("kind") == "text" and not content.text:
            details = (info("EMPTY_TEXT"), bad_field("text", "the text is empty; send some"))
            return encoder_pb2.EncodeResult(
                error=status(grpc.StatusCode.INVALID_ARGUMENT, "the text is empty; send some", *details)
            )
        kind = content.WhichOneof("kind")
        if kind in ("image", "audio") and not getattr(content, kind):
            message = f"the {kind} has no bytes; send the whole file"
            details = (info("INVALID_INPUT"), bad_field(f"contents[{place}].{kind}", message))
            return encoder_pb2.EncodeResult(error=status(grpc.StatusCode.INVALID_ARGUMENT, message, *details))
        values = values_of(content.text)[: output.width or WIDTH]
        data, scale = tensor(values, output.dtype)
        labels = []
        if vector_pb2.VECTOR_KIND_LABELS in output.kinds:
            labels = [content_pb2.Label(name="cat", index=3, probability=0.9)]
        dense = None
        if not output.kinds or vector_pb2.VECTOR_KIND_DENSE in output.kinds:
            dense = vector_pb2.Vector(space=SPACE, values=data, normalized=True, scale=scale)
        reduction = None
        if output.HasField("reduction"):
            ratio = output.reduction.ratio or 0.9
            reduction = vector_pb2.Reduction(method=output.reduction.method, ratio=ratio)
        return encoder_pb2.EncodeResult(
            encoding=encoder_pb2.Encoding(
                space=SPACE,
                modality=content_pb2.MODALITY_TEXT,
                dense=dense,
                reduction=reduction,
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
            if request.per_region:
                fused.regions.CopyFrom(encoding.multi_vector)
            if request.role != router_pb2.ROLE_DOCUMENT:
                fused.ignored.add(modality=content_pb2.MODALITY_TEXT, begin=2, end=4)
            results.append(router_pb2.FuseResult(fused=fused))
        return router_pb2.FuseResponse(results=results, timing=TIMING)


class Reranker(reranker_pb2_grpc.RerankerServiceServicer):
    def __init__(self, log: Log) -> None:
        self.log = log

    def Rerank(self, request: reranker_pb2.RerankRequest, context: Any) -> reranker_pb2.RerankResponse:
        self.log.reranks.append(request)
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
            if one.source.content.text != "bad"
        ]
        results.sort(key=lambda one: -one.score)
        response = reranker_pb2.RerankResponse(results=results, timing=TIMING)
        for i, one in enumerate(request.candidates):
            if one.source.content.text == "bad":
                message = "the text is empty; send some"
                details = (
                    info("INVALID_INPUT"),
                    bad_field(f"candidates[{i}].source.content.text", message),
                )
                error = status(grpc.StatusCode.INVALID_ARGUMENT, message, *details)
                response.failures.add(id=one.id, first_rank=i, error=error)
        return response
