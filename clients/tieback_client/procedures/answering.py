"""The pipeline: ingest raw content, retrieve by any content, answer with evidence."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from typing import TypeAlias, Unpack

from tieback.v1 import answer_pb2, generator_pb2
from tieback_contract.answers import AnswerStyle, GenerationEvent
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import ChatMessage, Evidence, Grounding, SamplingParameters
from tieback_contract.query import QueryKeywords

from tieback_client import reading_events
from tieback_client.messages import reading, reading_hits, writing, writing_generation, writing_items
from tieback_client.messages.writing import LongTexts
from tieback_client.reports import CallInfo
from tieback_client.transport.exchange import Exchange, write_result
from tieback_client.transport.rpc import RPCS, Procedure, StreamCall, UnaryCall
from tieback_client.transport.surface import events, unary, writes
from tieback_client.values.content import ContentLike
from tieback_client.values.documents import Item, TokenVectorsLike, write_token_vectors
from tieback_client.values.events import AnswerEvent, MethodLike, Weights
from tieback_client.values.results import RetrievalResult
from tieback_client.values.writes import Acknowledgement

QueryLike: TypeAlias = ContentLike | Sequence[ContentLike | tuple[ContentLike, float]]
"""One content, or several that belong together, each alone or with how much it counts."""


def ingest(
    collection: str,
    items: Iterable[Item] | AsyncIterable[Item],
    *,
    space: str = "",
    long_texts: LongTexts = "split",
    codec: MethodLike | None = None,
    token_vectors: TokenVectorsLike = False,
    batch: int = 16,
    in_flight: int = 4,
    timeout: float | None = None,
) -> Exchange[Acknowledgement]:
    """Encodes items and writes them to a collection, which is made where it is missing.

    It is then made in `space`, by default in the joint space where one is served, else in the only dense one,
    keeps its vectors by `codec`, and those of tokens as `token_vectors` has it, as in `create_collection`.
    Items go into the space that the collection has; a content that the space does not read fails its item.
    Returns an iterator of acknowledgements, each for one batch, given after it is durable. Nothing is sent
    before it is iterated; `collect()` iterates it to its end. At most `in_flight` batches are
    unacknowledged at a time; they are sent again where the connection breaks.

    With `long_texts` "split", a section whose text is longer than a space reads is stored as several, each
    with its `span`, so that all of it is read. With "truncate" spaces read as much as they can, and the
    result has what each did not read; with "refuse" the item fails.
    """

    def request(packed: Sequence[object], _number: int) -> answer_pb2.IngestItemsRequest:
        return answer_pb2.IngestItemsRequest(
            collection=collection,
            items=packed,  # type: ignore[arg-type]  # packed by writing_items.item
            long_texts=writing.long_texts(long_texts),
            space=writing.text(space, "space"),
            codec=writing.method(codec, at("codec")),
            token_vectors=write_token_vectors(token_vectors, at("token_vectors")),
        )

    def result(
        response: answer_pb2.IngestItemsResponse, request: answer_pb2.IngestItemsRequest, _info: CallInfo
    ) -> Acknowledgement:
        pairs = zip(request.items, response.results, strict=True)
        results = [write_result(item.id, one.status, one) for item, one in pairs]
        return Acknowledgement(results, reading.timing(response.timing))

    return Exchange(
        rpc=RPCS["IngestItems"],
        items=items,
        pack=writing_items.item,
        request=request,
        result=result,
        batch=batch,
        in_flight=in_flight,
        timeout=timeout,
    )


def retrieve(
    collection: str,
    query: QueryLike,
    *,
    limit: int = 10,
    filter: str = "",
    weights: Weights | None = None,
    imputation: MethodLike | None = None,
    explain: bool = False,
    timeout: float | None = None,
    **options: Unpack[QueryKeywords],
) -> Procedure[RetrievalResult]:
    """Finds what bears on a query of any modality: encode, fuse, search, rerank.

    `query` is words, a picture, a sound, or a list of such that belong together, each alone or with a weight:
    ``[photo, ("at night", 0.5), (other, -0.3)]``; a negative one takes away: the ranking leans
    away from it, and nothing is left out, as `filter` does. `weights` per space, or the name of a routing
    policy, replace the server's routing; `imputation`, a method of the family of that name, says
    what is done about lost spaces. `filter` is that of `search`.

    `explain` says of each step what it did: the `stages` of the result's `timing` have their times, how many
    sections they were given and what they left out, and the `stages` of a hit what each made of it. With a
    reranker it returns what matched what, with a `ranker` what each signal adds to the score.

    The options are those of `QueryOptions`. One that is left out is the collection's to choose
    (`Collection.plan`), else the server's; the result's `plan` has what was chosen.
    """
    request = _retrieval(
        collection,
        query,
        limit=limit,
        filter=filter,
        weights=weights,
        imputation=imputation,
        explain=explain,
        options=options,
    )
    reply = yield UnaryCall(RPCS["Retrieve"], request, timeout)
    return reading_hits.retrieval(reply.message, reply.info)


def answer(
    collection: str,
    question: QueryLike,
    *,
    limit: int = 10,
    filter: str = "",
    weights: Weights | None = None,
    imputation: MethodLike | None = None,
    explain: bool = False,
    model: str = "",
    evidence_limit: int = 0,
    sampling: SamplingParameters | None = None,
    grounding: Grounding | None = None,
    style: AnswerStyle = AnswerStyle.AUTO,
    history: Sequence[ChatMessage] = (),
    system: str = "",
    timeout: float | None = None,
    **options: Unpack[QueryKeywords],
) -> StreamCall[AnswerEvent]:
    """Finds what bears on a question and streams an answer that rests on it.

    Returns an iterator of events: first what was found, then text as it is written, each claim with its
    citations and verdict, a decision to abstain, the finish. `collect()` reads it to its end and returns the
    `Answer`. The answer rests on at most `evidence_limit` passages. With the `style`
    "quote" it is sentences of theirs, word for word; with "write" the model writes; "auto" is the better one
    of the two for the served model. `history` has the earlier messages of the conversation, the oldest first:
    the question is rewritten by them (`Answer.rewritten`). `system` is asked of the model that writes in
    general. The other arguments are those of `retrieve`.
    """
    request = answer_pb2.AnswerRequest(
        retrieval=_retrieval(
            collection,
            question,
            limit=limit,
            filter=filter,
            weights=weights,
            imputation=imputation,
            explain=explain,
            options=options,
        ),
        model=model,
        evidence_limit=evidence_limit,
        sampling=writing_generation.sampling(sampling),
        grounding=writing_generation.grounding(grounding),
        style=writing_generation.STYLES[style],
        history=writing_generation.history(history),
        system=writing.text(system, "system"),
    )
    words = " ".join(part.content.text for part in request.retrieval.query if part.content.text)
    return StreamCall(RPCS["Answer"], request, reading_events.answer_event, timeout, words)


def generate(
    prompt: str,
    evidence: Sequence[str | Evidence] = (),
    *,
    model: str = "",
    sampling: SamplingParameters | None = None,
    grounding: Grounding | None = None,
    style: AnswerStyle = AnswerStyle.AUTO,
    history: Sequence[ChatMessage] = (),
    system: str = "",
    timeout: float | None = None,
) -> StreamCall[GenerationEvent]:
    """Streams an answer that rests on the passages given; with none, its claims are not checked.

    `style`, `history` and `system` are those of `answer`; without evidence, the model reads the history as it
    is.

    Returns an iterator of events, as `answer` does without what was found. `collect()` reads it to its end
    and returns the `Answer`.
    """
    request = generator_pb2.GenerateRequest(
        model=model,
        prompt=writing.text(prompt, "prompt"),
        evidence=[
            writing_generation.evidence(one, at("evidence", i), i + 1) for i, one in enumerate(evidence)
        ],
        sampling=writing_generation.sampling(sampling),
        grounding=writing_generation.grounding(grounding),
        style=writing_generation.STYLES[style],
        history=writing_generation.history(history),
        system=writing.text(system, "system"),
    )
    return StreamCall(RPCS["Generate"], request, reading_events.generation_event, timeout, prompt)


def _retrieval(
    collection: str,
    query: QueryLike,
    *,
    limit: int,
    filter: str,
    weights: Weights | None,
    imputation: MethodLike | None,
    explain: bool,
    options: QueryKeywords,
) -> answer_pb2.RetrieveRequest:
    parts = query if isinstance(query, list) else [query]
    return answer_pb2.RetrieveRequest(
        collection=collection,
        query=[_query_part(one, at("query", i, "content")) for i, one in enumerate(parts)],
        limit=limit,
        filter=writing.text(filter, "filter"),
        routing=writing.routing(weights, imputation),
        explain=explain,
        options=writing.query_options(options),
    )


def _query_part(value: ContentLike | tuple[ContentLike, float], field: FieldPath) -> answer_pb2.QueryPart:
    content, weight = value if isinstance(value, tuple) else (value, None)
    return answer_pb2.QueryPart(content=writing.content(content, field), weight=weight)


class AnsweringMethods:
    """The methods of both clients."""

    ingest = writes(ingest)
    retrieve = unary(retrieve)
    answer = events(answer)
    generate = events(generate)
