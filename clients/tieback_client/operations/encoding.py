"""From content to vectors, from vectors to one vector, and a closer look at candidates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tieback.v1 import content_pb2, encoder_pb2, reranker_pb2, router_pb2

from tieback_client import reading, writing
from tieback_client.content import ContentLike
from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.events import MethodLike
from tieback_client.reports import CallInfo, Cost, Timing
from tieback_client.results import Encoding, Encodings, FusedBatch, RerankResult
from tieback_client.rpc import RPCS, Call, Operation
from tieback_client.vectors import DType, TokenVectors

# Half of what every gRPC server takes, so that no batch of small contents is refused for its size.
BATCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class FusePart:
    """One encoding within an input to fuse."""

    encoding: Encoding
    """``"dense"`` of a component of the joint space, or ``"labels"`` of a space bound through class names."""
    weight: float | None = None
    """How much the content counts beside the others; None for 1."""
    content: int = 0
    """Which content of the input this encodes; parts of one content share a number."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate for reranking. A plain `str` does as well."""

    source: str | TokenVectors
    """What to look at: a text, or its token vectors."""
    id: str = ""
    """Names it in the result; empty for its place, from 0."""
    score: float = 0.0
    """Its score in the first ranking, for the fusion."""


def encode(
    contents: ContentLike | Sequence[ContentLike],
    *,
    space: str,
    width: int | None = None,
    dtype: DType | str = DType.FLOAT32,
    kinds: Sequence[str] = ("dense",),
    truncate: bool = False,
    batch: int = 256,
    timeout: float | None = None,
) -> Operation[Encodings]:
    """Turns contents into vectors of one space.

    `contents` is one content or several: `str` is text, a `pathlib.Path` is told by its suffix, and `Image`,
    `Audio` and pictures of PIL do as well. `width` keeps the leading dimensions where the space was trained
    for it; `kinds` are of "dense", "tokens" and "labels", all from one pass. What is longer than the model
    reads fails, unless `truncate` cuts it and the encoding says how much. Many contents go in several calls
    of at most `batch`.

    An input that fails does not fail the others: see `Encodings.errors`.
    """
    output = writing.output(width, dtype, kinds)
    outcomes: list[Encoding | TiebackError] = []
    timing, cost, info = Timing(), Cost(), CallInfo()
    for chunk in _chunks(_listed(contents), batch):
        request = encoder_pb2.EncodeRequest(
            space=space, contents=chunk, output=output, truncation=writing.truncation(truncate)
        )
        reply = yield Call(RPCS["Encode"], request, timeout)
        outcomes += [
            reading.encoding(one.encoding)
            if one.WhichOneof("outcome") == "encoding"
            else reading.error(one.error, reply.info)
            for one in reply.message.results
        ]
        timing = _sum_of(timing, reading.timing(reply.message.timing))
        cost = _cost_of(cost, reading.cost(reply.message.cost))
        info = replace(reply.info, retries=info.retries + reply.info.retries)
    return Encodings(outcomes, timing, cost, info)


def fuse(
    inputs: Sequence[Encoding | FusePart | Sequence[Encoding | FusePart]],
    *,
    role: Literal["query", "document"] = "query",
    weights: Mapping[str, float] | None = None,
    timeout: float | None = None,
) -> Operation[FusedBatch]:
    """Fuses encodings of one input each into one vector of the joint space.

    An input is what several spaces say of one content, or `FusePart`s where several contents belong together
    (a photo and words). `weights` per space replace the server's routing; they count for queries only.
    """
    request = router_pb2.FuseRequest(
        inputs=[_fuse_input(one, f"inputs[{i}]") for i, one in enumerate(inputs)],
        role=router_pb2.ROLE_DOCUMENT if role == "document" else router_pb2.ROLE_QUERY,
        routing=writing.routing(weights),
    )
    reply = yield Call(RPCS["Fuse"], request, timeout)
    outcomes = [
        reading.fused(one.fused)
        if one.WhichOneof("outcome") == "fused"
        else reading.error(one.error, reply.info)
        for one in reply.message.results
    ]
    return FusedBatch(outcomes, reading.timing(reply.message.timing), reply.info)


def rerank(
    query: str | TokenVectors,
    candidates: Sequence[str | TokenVectors | Candidate],
    *,
    method: MethodLike | None = None,
    fusion: MethodLike | None = None,
    space: str = "",
    limit: int = 0,
    explain: bool = False,
    timeout: float | None = None,
) -> Operation[RerankResult]:
    """Orders candidates by a closer look, token by token.

    `method` is of the family "reranking" (late interaction by default), `fusion` of the family "ranking"
    merges the order that the candidates came in with the new one, `explain` returns what matched what.
    """
    request = reranker_pb2.RerankRequest(
        query=_source(query, "query"),
        candidates=[_candidate(one, i) for i, one in enumerate(candidates)],
        method=writing.method(method, "method"),
        fusion=writing.method(fusion, "fusion"),
        space=space,
        limit=limit,
        explain=explain,
    )
    reply = yield Call(RPCS["Rerank"], request, timeout)
    message = reply.message
    return RerankResult(
        results=[reading.reranked(one) for one in message.results],
        timing=reading.timing(message.timing),
        cost=reading.cost(message.cost),
        call=reply.info,
    )


def _listed(contents: ContentLike | Sequence[ContentLike]) -> Sequence[ContentLike]:
    if isinstance(contents, list | tuple):
        if not contents:
            raise InvalidArgument.at("contents", "there is nothing to encode")
        return contents
    return [contents]


def _chunks(contents: Sequence[ContentLike], batch: int) -> Iterator[list[content_pb2.Content]]:
    """Contents as messages, in groups of at most `batch` and about `BATCH_BYTES`."""
    chunk: list[content_pb2.Content] = []
    size = 0
    for number, one in enumerate(contents):
        message = writing.content(one, f"contents[{number}]")
        if chunk and (len(chunk) >= batch or size + message.ByteSize() > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += message.ByteSize()
    yield chunk


def _fuse_input(
    parts: Encoding | FusePart | Sequence[Encoding | FusePart], field: str
) -> router_pb2.FuseInput:
    listed = [parts] if isinstance(parts, Encoding | FusePart) else parts
    messages = []
    for number, one in enumerate(listed):
        part = FusePart(one) if isinstance(one, Encoding) else one
        encoding = writing.encoding(part.encoding, f"{field}.parts[{number}].encoding")
        messages.append(router_pb2.FusePart(encoding=encoding, weight=part.weight, content=part.content))
    return router_pb2.FuseInput(parts=messages)


def _candidate(value: str | TokenVectors | Candidate, number: int) -> reranker_pb2.RerankCandidate:
    one = value if isinstance(value, Candidate) else Candidate(value)
    source = _source(one.source, f"candidates[{number}].source")
    return reranker_pb2.RerankCandidate(id=one.id or str(number), source=source, score=one.score)


def _source(value: str | TokenVectors, field: str) -> reranker_pb2.TokenSource:
    if isinstance(value, str):
        return reranker_pb2.TokenSource(text=writing.text(value, f"{field}.text"))
    return reranker_pb2.TokenSource(tokens=writing.token_vectors(value, f"{field}.tokens"))


def _sum_of(one: Timing, other: Timing) -> Timing:
    return Timing(
        one.queue + other.queue,
        one.prepare + other.prepare,
        one.compute + other.compute,
        one.total + other.total,
        [*one.stages, *other.stages],
    )


def _cost_of(one: Cost, other: Cost) -> Cost:
    return Cost(
        max(one.batch_size, other.batch_size),
        one.tokens + other.tokens,
        one.padding_tokens + other.padding_tokens,
    )
