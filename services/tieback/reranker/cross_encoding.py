"""Scores of a cross-encoder: pairs of a query and a passage, in batches with those of other requests.

A batch has the pairs whose lengths suit each other best by the costs measured on this machine, and waits in
fair turns between tenants, as batches of encoders do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tieback_contract.field_path import FieldPath, at
from tieback_contract.limits import Limits
from tieback_contract.reports import Cost
from tieback_contract.vectors import MultiVector

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.batching import Batcher, BatchReport
from tieback.core.alone import made_alone, result_of
from tieback.core.deadline import Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.models.content import read_text
from tieback.models.text.cross_encoder import CrossEncoderModel, PreparedPair
from tieback.reranker.sources import BYTES_PER_TOKEN, ReadSource

INLINE_BYTES = 4096
"""Texts of so many bytes are tokenised on the event loop: a change of threads would take longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """`scores` of candidates, by their places, and what they took, in seconds."""

    scores: dict[int, float]
    prepare: float
    queue: float
    compute: float
    cost: Cost


class CrossEncoding:
    """One model with its queue. `on_batch` is called with each batch, on the worker's thread."""

    def __init__(
        self,
        model: CrossEncoderModel,
        *,
        limits: Limits,
        batch_tokens: int,
        allowance: Allowance,
        on_batch: Callable[[BatchReport], None] | None = None,
    ) -> None:
        self._model = model
        self._limits = limits
        self._allowance = allowance
        self.admission = Admission(limits.queued_tokens)
        self._batcher: Batcher[PreparedPair, float] = Batcher(
            lambda pairs, _: model.run(pairs),
            name=model.card.name,
            pads=True,
            budget=batch_tokens,
            admission=self.admission,
            on_batch=on_batch,
        )

    async def score(
        self,
        query: ReadSource,
        candidates: Mapping[int, ReadSource],
        errors: dict[int, TiebackError],
        deadline: Deadline,
    ) -> Scored:
        """The model's number for each candidate: a logit, of which only the order has a meaning.

        A pair that is longer than the model reads is cut at the end of its passage. `errors` gets those of
        candidates that are no text or that the model fails on. InvalidInput where the query is no text;
        RateExceeded, Overloaded, DeadlineExceeded.
        """
        begun, name = time.monotonic(), self._model.card.name
        asked = text_of(query, name, self._limits)
        passages = made_alone(lambda one: text_of(one, name, self._limits), candidates, errors)
        estimate = sum(self._estimate(asked, passage) for passage in passages.values())
        with self.admission.admit(estimate, items=len(passages), deadline=deadline) as ticket:
            self._allowance.take(estimate)

            def pair(place: int) -> PreparedPair:
                return self._pair(asked, query.path, passages[place], candidates[place].path)

            def prepared() -> dict[int, PreparedPair]:
                return made_alone(pair, {place: place for place in passages}, errors)

            if len(asked) + sum(map(len, passages.values())) <= INLINE_BYTES:
                pairs = prepared()
            else:
                pairs = await asyncio.to_thread(prepared)
            for error in errors.values():
                if error.field.below(query.path) is not None:
                    raise error
            tokens = sum(pair.tokens for pair in pairs.values())
            self._allowance.correct(tokens - estimate)
            ticket.resize(tokens, len(pairs))
            preparing = time.monotonic() - begun
            batched = await self._batcher.submit(list(pairs.values()), deadline=deadline, ticket=ticket)
        scores = made_alone(result_of, dict(zip(pairs, batched.results, strict=True)), errors)
        cost = Cost(batched.batch_size, tokens, batched.padding_tokens)
        return Scored(scores, preparing, batched.queue, batched.compute, cost)

    async def warm_up(self) -> None:
        """Measures what batches of pairs cost."""
        await self._batcher.calibrate([self._model.sample(size) for size in self._model.sizes])

    async def close(self) -> None:
        """Stops after the batch that runs; what waits fails with Unavailable."""
        await self._batcher.close()

    def _estimate(self, query: str, passage: str) -> int:
        return min((len(query) + len(passage)) // BYTES_PER_TOKEN + 1, self._model.card.max_tokens)

    def _pair(self, query: str, asked: FieldPath, passage: str, path: FieldPath) -> PreparedPair:
        try:
            return self._model.prepare(query, passage)
        except InvalidInput as error:
            of = asked if error.field == at("first") else path
            raise error.about(of["text"]) from None


def text_of(source: ReadSource, model: str, limits: Limits) -> str:
    """The text of a query or a candidate. InvalidInput, with its place, where it is none."""
    if isinstance(source.data, MultiVector):
        raise InvalidInput(
            f"{model} reads a query and a passage together, and no vectors that were computed before; send "
            "the text",
            field=source.path,
        )
    try:
        return read_text(source.data, limits)
    except InvalidInput as error:
        raise error.within(source.path) from None
