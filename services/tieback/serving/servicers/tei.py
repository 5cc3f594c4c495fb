"""tei.v1: the door of text-embeddings-inference's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

import grpc
from google.protobuf.message import Message
from tieback_contract.limits import Limits

from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, Unsupported
from tieback.dialects import tei_pb2 as messages
from tieback.dialects import tei_pb2_grpc
from tieback.doors.tei.door import MODEL, Models, TokensPort, check_prompt
from tieback.doors.tei.embedding import Embedding
from tieback.doors.tei.reranking import Reranking
from tieback.serving.requests.context import deadline_of
from tieback.serving.servicers.request_stream import RequestStreams

Context = grpc.aio.ServicerContext[Any, Any]
R = TypeVar("R", bound=Message)
A = TypeVar("A")
_NO_CLASSIFIER = (
    "models that classify are heads here, which are fitted and asked by tieback.v1.ClassifierService: "
    "FitHead, Classify"
)


def _model(context: Context) -> str:
    """The model that a call names."""
    return str(dict(context.invocation_metadata() or ()).get(MODEL, ""))


class _Streaming:
    """Streams of requests, each answered as a call of its own is."""

    def __init__(self, message_bytes: int) -> None:
        self._streams = RequestStreams(message_bytes)

    def drain(self) -> None:
        """Has all streams end with UNAVAILABLE once what they have read is answered."""
        self._streams.drain()

    async def _each(
        self,
        requests: AsyncIterator[R],
        context: Context,
        answer: Callable[[R, str, Deadline], Awaitable[A]],
    ) -> AsyncIterator[A]:
        model, deadline = _model(context), deadline_of(context)
        async for one in self._streams.answers(requests, lambda request: answer(request, model, deadline)):
            yield one


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
    """Vectors of texts."""

    def __init__(self, embedding: Embedding, message_bytes: int) -> None:
        super().__init__(message_bytes)
        self._embedding = embedding

    async def Embed(self, request: messages.EmbedRequest, context: Context) -> messages.EmbedResponse:
        """The dense vector of a text."""
        return await self._embedding.dense(request, _model(context), deadline_of(context))

    async def EmbedStream(
        self, requests: AsyncIterator[messages.EmbedRequest], context: Context
    ) -> AsyncIterator[messages.EmbedResponse]:
        """The same for each text."""
        async for answer in self._each(requests, context, self._embedding.dense):
            yield answer

    async def EmbedSparse(
        self, request: messages.EmbedSparseRequest, context: Context
    ) -> messages.EmbedSparseResponse:
        """The sparse vector of a text."""
        return await self._embedding.sparse(request, _model(context), deadline_of(context))

    async def EmbedSparseStream(
        self, requests: AsyncIterator[messages.EmbedSparseRequest], context: Context
    ) -> AsyncIterator[messages.EmbedSparseResponse]:
        """The same for each text."""
        async for answer in self._each(requests, context, self._embedding.sparse):
            yield answer

    async def EmbedAll(
        self, request: messages.EmbedAllRequest, context: Context
    ) -> messages.EmbedAllResponse:
        """The vectors of a text's tokens."""
        return await self._embedding.of_tokens(request, _model(context), deadline_of(context))

    async def EmbedAllStream(
        self, requests: AsyncIterator[messages.EmbedAllRequest], context: Context
    ) -> AsyncIterator[messages.EmbedAllResponse]:
        """The same for each text."""
        async for answer in self._each(requests, context, self._embedding.of_tokens):
            yield answer


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
    """Tokens of texts."""

    def __init__(self, models: Models, tokens: TokensPort, message_bytes: int) -> None:
        super().__init__(message_bytes)
        self._models = models
        self._tokens = tokens

    async def Tokenize(self, request: messages.EncodeRequest, context: Context) -> messages.EncodeResponse:
        """The tokens of a text."""
        return await self._tokenised(request, _model(context), deadline_of(context))

    async def TokenizeStream(
        self, requests: AsyncIterator[messages.EncodeRequest], context: Context
    ) -> AsyncIterator[messages.EncodeResponse]:
        """The same for each text."""
        async for answer in self._each(requests, context, self._tokenised):
            yield answer

    async def Decode(self, request: messages.DecodeRequest, context: Context) -> messages.DecodeResponse:
        """The text of tokens."""
        return await self._decoded(request, _model(context), deadline_of(context))

    async def DecodeStream(
        self, requests: AsyncIterator[messages.DecodeRequest], context: Context
    ) -> AsyncIterator[messages.DecodeResponse]:
        """The same for each request."""
        async for answer in self._each(requests, context, self._decoded):
            yield answer

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


class PredictServicer(tei_pb2_grpc.PredictServicer):
    """Refused: no model here has classes of texts."""

    async def Predict(self, request: object, context: Context) -> NoReturn:
        """Refused."""
        raise Unsupported(_NO_CLASSIFIER)

    PredictPair = Predict

    async def PredictStream(self, requests: object, context: Context) -> AsyncIterator[NoReturn]:
        """Refused."""
        raise Unsupported(_NO_CLASSIFIER)
        yield

    PredictPairStream = PredictStream
