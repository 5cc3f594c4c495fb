"""tei.v1: the door of text-embeddings-inference's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import Any

import grpc
from tieback_contract.limits import Limits

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput
from tieback.dialects import tei_pb2 as messages
from tieback.dialects import tei_pb2_grpc
from tieback.doors.tei.classifying import Classifying
from tieback.doors.tei.door import MODEL, Models, TokensPort, check_prompt
from tieback.doors.tei.embedding import Embedding
from tieback.doors.tei.reranking import Reranking
from tieback.serving.requests.context import deadline_of
from tieback.serving.servicers.request_stream import RequestStreams

Context = grpc.aio.ServicerContext[Any, Any]


def _model(context: Context) -> str:
    """The model that a call names."""
    return str(dict(context.invocation_metadata() or ()).get(MODEL, ""))


Answer = Callable[[Any, str, Deadline], Awaitable[Any]]
"""Answers a request to a model, by the model's name; empty for the default one."""


class _Streaming:
    """Streams of requests, each answered as a call of its own is."""

    def __init__(self, message_bytes: int) -> None:
        self._streams = RequestStreams(message_bytes)

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._streams.drain()


def _call(answer_of: Callable[[Any], Answer]) -> Any:
    """The handler of an RPC whose requests are answered by what a servicer has for that."""

    async def handle(own: Any, request: Any, context: Context) -> Any:
        return await answer_of(own)(request, _model(context), deadline_of(context))

    return handle


def _stream(answer_of: Callable[[Any], Answer]) -> Any:
    """The handler of the same for each request of a stream."""

    async def handle(own: Any, requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
        answer, model, deadline = answer_of(own), _model(context), deadline_of(context)
        async for one in own._streams.answers(requests, lambda request: answer(request, model, deadline)):
            yield one

    return handle


class InfoServicer(tei_pb2_grpc.InfoServicer):
    """What the model is."""

    def __init__(self, models: Models, limits: Limits, batch_tokens: int) -> None:
        self._models = models
        self._limits = limits
        self._batch_tokens = batch_tokens

    async def Info(self, request: messages.InfoRequest, context: Context) -> messages.InfoResponse:
        """The model that a call names, or the default one."""
        model = self._models.named(_model(context))
        kind = messages.MODEL_TYPE_RERANKER if model.is_reranker else messages.MODEL_TYPE_EMBEDDING
        if model.is_classifier:
            kind = messages.MODEL_TYPE_CLASSIFIER
        return messages.InfoResponse(
            version=version("tieback"),
            model_id=model.name,
            model_sha=model.revision or None,
            model_dtype=model.dtype,
            model_type=kind,
            max_concurrent_requests=self._limits.open_calls,
            max_input_length=model.max_tokens or self._limits.text_bytes,
            max_batch_tokens=self._batch_tokens,
            max_client_batch_size=self._limits.batch_items,
            tokenization_workers=1,
        )


class EmbedServicer(_Streaming, tei_pb2_grpc.EmbedServicer):
    """Vectors of texts: dense ones, sparse ones, and those of tokens."""

    def __init__(self, embedding: Embedding, message_bytes: int) -> None:
        super().__init__(message_bytes)
        self._embedding = embedding

    Embed, EmbedStream = (make(lambda own: own._embedding.dense) for make in (_call, _stream))
    EmbedSparse, EmbedSparseStream = (make(lambda own: own._embedding.sparse) for make in (_call, _stream))
    EmbedAll, EmbedAllStream = (make(lambda own: own._embedding.of_tokens) for make in (_call, _stream))


class RerankServicer(tei_pb2_grpc.RerankServicer):
    """Texts in the order of their scores."""

    def __init__(self, reranking: Reranking, limits: Limits) -> None:
        self._reranking = reranking
        self._limits = limits

    async def Rerank(self, request: messages.RerankRequest, context: Context) -> messages.RerankResponse:
        """Scores texts."""
        deadline = deadline_of(context)
        return await self._reranking.rank(request, list(request.texts), _model(context), deadline)

    async def RerankStream(
        self, requests: AsyncIterator[messages.RerankStreamRequest], context: Context
    ) -> messages.RerankResponse:
        """The same, once the stream of texts ends."""
        deadline = deadline_of(context)
        first: messages.RerankStreamRequest | None = None
        texts: list[str] = []
        size = 0
        async for request in requests:
            first = first or request
            if request.query != first.query:
                raise InvalidInput("all texts of a stream are for one query", field="query")
            texts.append(request.text)
            size += len(request.text)
            if len(texts) > self._limits.batch_items or size > self._limits.message_bytes:
                raise InvalidInput(
                    f"a stream has at most {self._limits.batch_items} texts of {self._limits.message_bytes} "
                    "characters together",
                    field="text",
                    reason="TOO_MANY",
                )
        if first is None:
            raise InvalidInput("there are no texts to order", field="text")
        return await self._reranking.rank(first, texts, _model(context), deadline)


class TokenizeServicer(_Streaming, tei_pb2_grpc.TokenizeServicer):
    """Tokens of texts, and the texts of tokens."""

    def __init__(self, models: Models, tokens: TokensPort, message_bytes: int) -> None:
        super().__init__(message_bytes)
        self._models = models
        self._tokens = tokens

    Tokenize, TokenizeStream = (make(lambda own: own._tokenised) for make in (_call, _stream))
    Decode, DecodeStream = (make(lambda own: own._decoded) for make in (_call, _stream))

    async def _tokenised(
        self, request: messages.EncodeRequest, model: str, deadline: Deadline
    ) -> messages.EncodeResponse:
        served = self._models.named(model)
        check_prompt(served, request)
        deadline.check("the text was tokenised")
        response = messages.EncodeResponse()
        for token in await self._tokens.tokens(
            served.space, request.inputs, special=request.add_special_tokens
        ):
            start, stop = token.span or (None, None)
            response.tokens.add(
                id=token.id, text=token.text, special=token.span is None, start=start, stop=stop
            )
        return response

    async def _decoded(
        self, request: messages.DecodeRequest, model: str, deadline: Deadline
    ) -> messages.DecodeResponse:
        served = self._models.named(model)
        deadline.check("the tokens were read")
        text = await self._tokens.text(served.space, request.ids, special=not request.skip_special_tokens)
        return messages.DecodeResponse(text=text)


class PredictServicer(_Streaming, tei_pb2_grpc.PredictServicer):
    """The labels of texts."""

    def __init__(self, classifying: Classifying, message_bytes: int) -> None:
        super().__init__(message_bytes)
        self._classifying = classifying

    Predict, PredictStream = (make(lambda own: own._classifying.predict) for make in (_call, _stream))

    PredictPair, PredictPairStream = (
        make(lambda own: own._classifying.predict_pair) for make in (_call, _stream)
    )
