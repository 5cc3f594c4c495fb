"""The reranker and the cross-encoders as models: pairs of a query and a document in, scores out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from tieback_contract.field_path import at
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.reports import Timing

from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.rerank import DEFAULT_RERANKING, RerankCandidate, RerankReply, RerankRequest
from tieback.doors.kserve.model import (
    TIMEOUT,
    TIMEOUT_SAYS,
    ModelOutcome,
    Parameters,
    TensorSpec,
    numbers,
    texts,
)
from tieback.doors.kserve.tensors import BYTES, Tensor
from tieback.ports import RerankerPort

RERANKER = "reranker"


class RerankModel:
    """The reranker by the method that a request names, or one cross-encoder.

    A request has pairs. Those of one query are compared together, and one query may stand for all documents.
    """

    def __init__(
        self, reranker: RerankerPort, name: str = RERANKER, revision: str = "", *, is_card: bool = False
    ) -> None:
        self.name, self.revision = name, revision
        self.inputs: Sequence[TensorSpec] = (
            TensorSpec("query", BYTES, (1,)),
            TensorSpec("document", BYTES, (1,)),
        )
        self.outputs: Sequence[TensorSpec] = (TensorSpec("score", "FP32", (1,)),)
        own = {
            "method": f"a string: how they are compared; {DEFAULT_RERANKING.name} without it",
            "space": "a string: whose vectors are compared",
        }
        self.parameters: Mapping[str, str] = {**({} if is_card else own), TIMEOUT: TIMEOUT_SAYS}
        self._reranker = reranker
        self._default = name if is_card else DEFAULT_RERANKING.name

    async def run(
        self, inputs: Mapping[str, Tensor], wanted: Sequence[str], asked: Parameters, deadline: Deadline
    ) -> ModelOutcome:
        """See `Model.run`."""
        query, document = inputs["query"], inputs["document"]
        queries, documents = texts(query), texts(document)
        if len(queries) not in (1, len(documents)):
            raise InvalidInput(
                f"{len(queries)} queries for {len(documents)} documents; send one for each, or one for all",
                field=query.field["shape"],
            )
        if len(queries) == 1:
            queries *= len(documents)
        groups: dict[str, list[int]] = {}
        for row, one in enumerate(queries):
            groups.setdefault(one, []).append(row)
        method = MethodChoice(asked.take("method", str, self._default))
        space = asked.take("space", str, "")

        async def compare(text: str, rows: Sequence[int]) -> RerankReply:
            try:
                reply = await self._reranker.rerank(
                    RerankRequest(
                        Content(Modality.TEXT, text),
                        [RerankCandidate(str(row), Content(Modality.TEXT, documents[row])) for row in rows],
                        method=method,
                        space=space,
                    ),
                    Call(deadline),
                )
                return reply.raise_for_errors()
            except TiebackError as error:
                moved = error.moved(at("query"), query.place(rows[0]))
                for place, row in enumerate(rows):
                    moved = moved.moved(at("candidates", place), document.place(row))
                raise moved from None

        tasks = [asyncio.create_task(compare(text, rows)) for text, rows in groups.items()]
        try:
            replies = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        scores = [0.0] * len(documents)
        timing = Timing()
        for reply in replies:
            for result in reply.results:
                scores[int(result.id)] = result.rerank_score
            timing = _slowest(timing, reply.timing)
        return ModelOutcome(len(scores), {name: numbers("FP32", scores) for name in wanted}, timing)


def _slowest(first: Timing, second: Timing) -> Timing:
    """Of comparisons side by side, the one that the request waited for."""
    return first if first.total >= second.total else second
