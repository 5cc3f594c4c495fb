"""From content to vectors, from vectors to one vector, and a closer look at candidates."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tieback.v1 import content_pb2, encoder_pb2, reranker_pb2, router_pb2, vector_pb2
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import FieldPath, at
from tieback_contract.fusion import FusePart
from tieback_contract.vectors import DType, MultiVector

from tieback_client.errors import InternalError, InvalidArgument
from tieback_client.messages import reading, reading_hits, writing
from tieback_client.messages.writing import CachePolicy
from tieback_client.reports import CallInfo
from tieback_client.transport.exchange import BATCH_BYTES, Exchange
from tieback_client.transport.rpc import RPCS, Procedure, Reply, UnaryCall
from tieback_client.transport.status import from_status
from tieback_client.transport.surface import encodings, unary
from tieback_client.values.content import ContentLike
from tieback_client.values.encodings import Encodings, TextPiece
from tieback_client.values.events import MethodLike, Weights
from tieback_client.values.results import FusedBatch, RerankFailure, RerankResult


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate for reranking. A plain content or multi-vector does as well."""

    source: ContentLike | MultiVector
    """What is compared with the query: a content of any modality, or its vectors."""
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
    cache: CachePolicy = "use",
    batch_invariant: bool = False,
    terms: bool = False,
    layer: int | None = None,
    earliest_layer: int | None = None,
    condition: str = "",
    adapter: str | Sequence[str] = "",
    reduction: MethodLike | None = None,
    batch: int = 256,
    timeout: float | None = None,
) -> Procedure[Encodings]:
    """Turns contents into vectors of one space.

    `contents` is one content or several: `str` is text, a `pathlib.Path` is read by its suffix, and `Image`,
    `Audio`, `TokenIds` and pictures of PIL do as well. `width` keeps the leading dimensions where the space
    was trained for it; `kinds` are of "dense", "multi_vector" (one vector per token, region or window),
    "labels" and "sparse", as the space has them, all from one pass, and with `terms` sparse vectors name
    their terms. What is longer than the model
    reads fails, unless `truncate` cuts it and the encoding has how much. With `cache` "bypass" everything is
    computed anew and nothing is kept; `batch_invariant` makes each vector the same, bit for bit, whatever
    else is computed at the time, which is slower. `layer` takes the vectors of an earlier layer, where the
    space offers it (`Space.layers`): they are in a space of their own. `earliest_layer` allows the server to
    end at that layer or a later one where `timeout` leaves too little time for the last, if the space was
    trained for it (`Space.deadline_exits`); `Encoding.layer` is the one. `reduction` merges tokens inside of
    the model, by a method's name or ``("pitome", {"ratio": 0.8})``, where the space serves it
    (`Space.reductions`): faster, and a little worse. `condition` gives the vector under a learned condition
    of the server's, such as "colour", in a space of its own. `adapter` names the expert of a merged model
    (`Space.adapters`) whose weights make the vectors, or one for each content; with "auto" the model's router
    chooses, with "mixed" it weighs all, and `Encoding.adapter` has its weights. Many contents go in several
    calls of at most `batch`; for very many, `encode_stream` is faster.

    An input that fails does not fail the others: see `Encodings.errors`.
    """
    shape = (width, dtype, kinds, batch_invariant, terms, layer, earliest_layer, condition)
    output = writing.Output(*shape, adapter if isinstance(adapter, str) else "", reduction).message()
    given = _listed(contents)
    adapters = _one_each(adapter, len(given))
    request = _batches_of(space, output, truncate, cache)
    replies: list[Reply] = []
    done = 0
    for chunk in _chunks(given, batch):
        message = request(chunk)
        message.adapters.extend(adapters[done : done + len(chunk)])
        done += len(chunk)
        reply = yield UnaryCall(RPCS["Encode"], message, timeout)
        replies.append(reply)
    return Encodings(replies)


def encode_stream(
    contents: Iterable[ContentLike] | AsyncIterable[ContentLike],
    *,
    space: str,
    width: int | None = None,
    dtype: DType | str = DType.FLOAT32,
    kinds: Sequence[str] = ("dense",),
    truncate: bool = False,
    cache: CachePolicy = "use",
    batch_invariant: bool = False,
    terms: bool = False,
    layer: int | None = None,
    earliest_layer: int | None = None,
    condition: str = "",
    adapter: str = "",
    reduction: MethodLike | None = None,
    batch: int = 32,
    in_flight: int = 8,
    timeout: float | None = None,
) -> Exchange[Encodings]:
    """Turns any number of contents into vectors of one space, over one call.

    Returns an iterator of outcomes in the order of the contents, each an `Encoding` or the `TiebackError` of
    an input that failed; `batches()` gives them as `Encodings`, whose arrays are faster, and `collect()` all
    at once. Nothing is sent before it is iterated. `contents` are drawn as there is room for them, so that
    they may come from a generator without an end: at most `in_flight` batches are sent and not handed out.
    Where too much waits, the server reads on later instead of refusing; where the connection breaks, batches
    without an answer are sent again. The other arguments are those of `encode`.
    """
    if isinstance(contents, str | bytes | Path):
        raise InvalidArgument.at("contents", "pass several, as a list or another iterable; encode takes one")
    shape = (width, dtype, kinds, batch_invariant, terms, layer, earliest_layer, condition)
    output = writing.Output(*shape, adapter, reduction).message()
    encode_request = _batches_of(space, output, truncate, cache)

    def request(packed: Sequence[content_pb2.Content], number: int) -> encoder_pb2.EncodeStreamRequest:
        return encoder_pb2.EncodeStreamRequest(id=number, request=encode_request(packed))

    return Exchange(
        rpc=RPCS["EncodeStream"],
        items=contents,
        pack=writing.content,
        request=request,
        result=_batch_result,
        batch=batch,
        in_flight=in_flight,
        timeout=timeout,
        name="contents",
        number=_id_of,
    )


def fuse(
    inputs: Iterable[Encoding | FusePart | Sequence[Encoding | FusePart]],
    *,
    role: Literal["query", "document"] = "query",
    weights: Weights | None = None,
    imputation: MethodLike | None = None,
    per_region: bool = False,
    timeout: float | None = None,
) -> Procedure[FusedBatch]:
    """Fuses encodings of one input each into one vector of the joint space.

    An input is one content in several spaces, or `FusePart`s where several contents belong together
    (a photo and words), each with a weight, in queries also a negative one. `weights` per space, or a routing
    policy's name, replace the server's routing; they count for queries only. `imputation`, a method of the
    family of that name, fills blocks whose space encoded nothing; documents are filled only where it is
    given. With `per_region`, documents whose encodings have regions get a joint vector for each of them, in
    `Fused.regions`.
    """
    request = router_pb2.FuseRequest(
        inputs=[_fuse_input(one, at("inputs", i)) for i, one in enumerate(inputs)],
        role=router_pb2.ROLE_DOCUMENT if role == "document" else router_pb2.ROLE_QUERY,
        routing=writing.routing(weights, imputation),
        per_region=per_region,
    )
    reply = yield UnaryCall(RPCS["Fuse"], request, timeout)
    outcomes = reading.outcomes(reply.message.results, reading.fused, reply.info)
    return FusedBatch(outcomes, reading.timing(reply.message.timing), reply.info)


def rerank(
    query: ContentLike | MultiVector,
    candidates: Sequence[ContentLike | MultiVector | Candidate],
    *,
    method: MethodLike | None = None,
    rank_fusion: MethodLike | None = None,
    space: str = "",
    limit: int = 0,
    explain: bool = False,
    timeout: float | None = None,
) -> Procedure[RerankResult]:
    """Orders candidates by a closer look: token by token, region by region, window by window.

    Query and candidates are contents of any modality, or their multi-vectors, all of one space: `space`, or
    that of the first vectors, or the server's default, a text space if there is one. `method` is of the
    family "reranking" (late interaction by default), or the name of a model of `rerankers()`, which reads
    each text together with the query, has no space and explains nothing; `rank_fusion`, a method of the
    family of that name, merges the order that the candidates came in with the new one; `explain` returns what
    matched what. A candidate that cannot be compared is one of the result's `failures`.
    """
    request = reranker_pb2.RerankRequest(
        query=_source(query, at("query")),
        candidates=[_candidate(one, i) for i, one in enumerate(candidates)],
        method=writing.method(method, at("method")),
        rank_fusion=writing.method(rank_fusion, at("rank_fusion")),
        space=space,
        limit=limit,
        explain=explain,
    )
    reply = yield UnaryCall(RPCS["Rerank"], request, timeout)
    message = reply.message
    return RerankResult(
        results=[reading_hits.reranked(one) for one in message.results],
        timing=reading.timing(message.timing),
        cost=reading.cost(message.cost),
        call=reply.info,
        failures=[
            RerankFailure(one.id, one.first_rank, reading.error(one.error, reply.info))
            for one in message.failures
        ],
    )


def _batches_of(
    space: str, output: vector_pb2.OutputSpec, truncate: bool, cache: CachePolicy
) -> Callable[[Sequence[content_pb2.Content]], encoder_pb2.EncodeRequest]:
    """What makes requests of contents, everything else being equal."""
    truncation, policy = writing.truncation(truncate), writing.cache(cache)

    def request(contents: Sequence[content_pb2.Content]) -> encoder_pb2.EncodeRequest:
        return encoder_pb2.EncodeRequest(
            space=space, contents=contents, output=output, truncation=truncation, cache=policy
        )

    return request


def _one_each(adapter: str | Sequence[str], contents: int) -> Sequence[str]:
    """The adapter of each content, where they are named one by one."""
    if isinstance(adapter, str):
        return ()
    if len(adapter) != contents:
        raise InvalidArgument.at("adapters", f"there are {len(adapter)} adapters for {contents} contents")
    return [writing.text(one, "adapters") for one in adapter]


def _id_of(response: encoder_pb2.EncodeStreamResponse) -> int:
    return response.id


def _batch_result(
    response: encoder_pb2.EncodeStreamResponse, request: encoder_pb2.EncodeStreamRequest, info: CallInfo
) -> Encodings:
    """A batch's encodings. A fault of the server is each input's; what every batch would meet is raised."""
    message = response.response
    if response.WhichOneof("outcome") == "error":
        error = reading.error(response.error, info)
        if not isinstance(error, InternalError):
            raise error
        failed = encoder_pb2.EncodeResult(error=response.error)
        message = encoder_pb2.EncodeResponse(results=[failed] * len(request.request.contents))
    return Encodings([Reply(message, info)])


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
        message = writing.content(one, at("contents", number))
        added = message.ByteSize()
        if chunk and (len(chunk) >= batch or size + added > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(message)
        size += added
    yield chunk


def _fuse_input(
    parts: Encoding | FusePart | Sequence[Encoding | FusePart], field: FieldPath
) -> router_pb2.FuseInput:
    listed = [parts] if isinstance(parts, Encoding | FusePart) else parts
    messages = []
    for number, one in enumerate(listed):
        part = FusePart(one) if isinstance(one, Encoding) else one
        messages.append(writing.fuse_part(part, field["parts"][number]))
    return router_pb2.FuseInput(parts=messages)


def _candidate(value: ContentLike | MultiVector | Candidate, number: int) -> reranker_pb2.RerankCandidate:
    one = value if isinstance(value, Candidate) else Candidate(value)
    source = _source(one.source, at("candidates", number, "source"))
    return reranker_pb2.RerankCandidate(id=one.id or str(number), source=source, score=one.score)


def _source(value: ContentLike | MultiVector, field: FieldPath) -> reranker_pb2.RerankSource:
    if isinstance(value, MultiVector):
        return reranker_pb2.RerankSource(multi_vector=writing.multi_vector(value, field["multi_vector"]))
    return reranker_pb2.RerankSource(content=writing.content(value, field["content"]))


class EncodingMethods:
    """The methods of both clients."""

    encode = unary(encode)
    encode_stream = encodings(encode_stream)
    fuse = unary(fuse)
    rerank = unary(rerank)


def split(
    text: str,
    *,
    space: str,
    max_tokens: int = 0,
    overlap: float | None = None,
    timeout: float | None = None,
) -> Procedure[list[TextPiece]]:
    """Cuts a text so that a text space reads every piece to its end; `ingest` does it by itself.

    Pieces end at the ends of sentences where they can, and have at most `max_tokens`, 0 for as many as the
    space reads. The last sentence of one is repeated at the beginning of the next where it takes at most the
    share `overlap` of that, 0 to 0.5; None for the server's default. Together the pieces hold all of the
    text. A text that is short enough is one piece.
    """
    request = encoder_pb2.SplitTextsRequest(
        space=space, texts=[writing.text(text, "text")], max_tokens=max_tokens, overlap=overlap
    )
    reply = yield UnaryCall(RPCS["SplitTexts"], request, timeout)
    (result,) = reply.message.results
    if result.WhichOneof("outcome") == "error":
        raise from_status(result.error)
    data = text.encode()
    return [
        TextPiece(
            data[piece.span.begin_byte : piece.span.end_byte].decode(),
            (piece.span.begin_byte, piece.span.end_byte),
            piece.token_count,
        )
        for piece in result.pieces.pieces
    ]


class SplittingMethods:
    """The methods of both clients."""

    split = unary(split)
