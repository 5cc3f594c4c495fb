"""Texts as vectors: dense, sparse, one for each token."""

from __future__ import annotations

from typing import Any

from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing
from tieback_contract.vectors import VectorKind

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError, Unsupported
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, EncodeRequest
from tieback.dialects import tei_pb2
from tieback.doors.tei.door import Models, Served, check_prompt, here, metadata, truncation_of
from tieback.ports import EncoderPort


class Embedding:
    """Answers the requests of the service Embed."""

    def __init__(self, models: Models, encoder: EncoderPort) -> None:
        self._models = models
        self._encoder = encoder

    async def dense(
        self, request: tei_pb2.EmbedRequest, model: str, deadline: Deadline
    ) -> tei_pb2.EmbedResponse:
        """The dense vector of a text, of length 1."""
        if not request.normalize:
            raise Unsupported("vectors have length 1 here: set normalize")
        encoding, timing = await self._encoded(
            request, self._models.encoder(model), VectorKind.DENSE, deadline
        )
        values = () if encoding.vector is None else encoding.vector.values.tolist()
        return tei_pb2.EmbedResponse(embeddings=values, metadata=_metadata(request, encoding, timing))

    async def sparse(
        self, request: tei_pb2.EmbedSparseRequest, model: str, deadline: Deadline
    ) -> tei_pb2.EmbedSparseResponse:
        """The terms of a text with their weights."""
        served = self._models.encoder(model, sparse=True)
        encoding, timing = await self._encoded(request, served, VectorKind.SPARSE, deadline)
        response = tei_pb2.EmbedSparseResponse(metadata=_metadata(request, encoding, timing))
        if encoding.sparse is not None:
            for index, value in zip(
                encoding.sparse.indices.tolist(), encoding.sparse.weights.tolist(), strict=True
            ):
                response.sparse_embeddings.add(index=index, value=value)
        return response

    async def of_tokens(
        self, request: tei_pb2.EmbedAllRequest, model: str, deadline: Deadline
    ) -> tei_pb2.EmbedAllResponse:
        """A vector for each token of a text; special tokens have none."""
        encoding, timing = await self._encoded(
            request, self._models.encoder(model), VectorKind.MULTI_VECTOR, deadline
        )
        rows = () if encoding.multi_vector is None else encoding.multi_vector.values.tolist()
        return tei_pb2.EmbedAllResponse(
            token_embeddings=[tei_pb2.TokenEmbedding(embeddings=row) for row in rows],
            metadata=_metadata(request, encoding, timing),
        )

    async def _encoded(
        self, request: Any, model: Served, kind: VectorKind, deadline: Deadline
    ) -> tuple[Encoding, Timing]:
        check_prompt(model, request)
        plan = EncodePlan(kinds=frozenset({kind}), truncation=truncation_of(request))
        content = Content(Modality.TEXT, request.inputs)
        try:
            reply = await self._encoder.encode(EncodeRequest(model.name, [content], plan), Call(deadline))
        except InvalidInput as error:
            raise here(error) from None
        (result,) = reply.results
        if isinstance(result, TiebackError):
            moved = result.moved(at("contents", 0), at("inputs"))
            raise here(moved) if isinstance(moved, InvalidInput) else moved
        return result, reply.timing


def _metadata(request: Any, encoding: Encoding, timing: Timing) -> tei_pb2.Metadata:
    return metadata(len(request.inputs), encoding.token_count, timing)
