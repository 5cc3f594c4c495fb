"""Orders candidates by a closer look: row by row of multi-vectors, or by a model that reads both texts.

Comparing rows is done on one thread of its own, chunk by chunk, in fair turns between tenants, and admitted
by what it costs: rows of the query × rows of the candidates × the passes that the method makes over them.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from tieback_contract.field_path import at
from tieback_contract.hits import Alignment
from tieback_contract.limits import Limits
from tieback_contract.method_choice import MethodChoice
from tieback_contract.reports import Stage, Timing
from tieback_contract.vectors import MultiVector

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import NOT_LEARNING, Batched, Batcher, BatchReport
from tieback.core.alone import made_alone, result_of
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, TiebackError
from tieback.core.types.fusion import Role
from tieback.core.types.load import Load
from tieback.core.types.rerank import RerankReply, RerankRequest
from tieback.methods.rank_fusion import rank_fusions
from tieback.methods.reranking import PASSES, SUMMARY, refuse_parameters, rerankings
from tieback.models.endpoints.reranker import EndpointReranker
from tieback.models.text.cross_encoder import CrossEncoderModel
from tieback.ports import EncoderPort
from tieback.reranker.comparison import Chunk, Compared, Comparison, compared, steps_of, within_steps
from tieback.reranker.cross_encoding import CrossEncoding
from tieback.reranker.endpoint_scoring import EndpointScoring
from tieback.reranker.ranking import Ranking
from tieback.reranker.sources import RowEncoders, resolve

TYPICAL_WIDTH = 384
"""For the estimate that admission takes before contents are encoded."""

BATCH_TOKENS = 512
"""Of a model's batch, where nothing else is said."""

TYPICAL_RATE = 400_000_000
"""Steps a second, before any were measured."""


class Reranker:
    """A `RerankerPort` that takes multi-vectors from an encoder's space; `space` is the default one.

    Of a space with one encoder for queries and one for documents, `by_side` has both, by each name that
    requests may give. Requests may name one of the `models` in place of a method. `batch_tokens` bounds the
    tokens of a batch of theirs, padding included; `on_batch` is called with each and the model's name, on its
    worker's thread.
    """

    def __init__(
        self,
        encoder: EncoderPort,
        *,
        space: str = "all-minilm-l6-v2",
        by_side: Mapping[str, Mapping[Role, str]] | None = None,
        limits: Limits | None = None,
        models: Sequence[CrossEncoderModel | EndpointReranker] = (),
        batch_tokens: int = BATCH_TOKENS,
        on_batch: Callable[[str, BatchReport], None] | None = None,
    ) -> None:
        self._encoders = RowEncoders(encoder, space, by_side or {})
        self._limits = limits or Limits()
        self._admission = Admission(self._limits.rerank_steps, unit="steps of comparing")
        self._admission.measure(TYPICAL_RATE, 1.0)
        self._worker: Batcher[Chunk, Compared] = Batcher(
            _compare,
            name="reranker",
            pads=False,
            budget=0,
            max_items=1,
            admission=self._admission,
            learning=NOT_LEARNING,  # a comparison looks at its deadline itself
        )
        allowance = Allowance()  # of a tenant for all models together

        def scoring(model: CrossEncoderModel | EndpointReranker) -> CrossEncoding | EndpointScoring:
            if isinstance(model, EndpointReranker):
                return EndpointScoring(model, limits=self._limits, allowance=allowance)
            return CrossEncoding(
                model,
                limits=self._limits,
                batch_tokens=batch_tokens,
                allowance=allowance,
                on_batch=functools.partial(on_batch, model.card.name) if on_batch is not None else None,
            )

        self._models = {model.card.name: scoring(model) for model in models}

    @property
    def load(self) -> Load:
        """How busy it is, in steps of comparing in place of tokens."""
        return self._admission.load

    @property
    def model_loads(self) -> dict[str, Callable[[], Load]]:
        """How busy each model is, in tokens, by its name."""
        return {
            name: functools.partial(lambda one: one.admission.load, one) for name, one in self._models.items()
        }

    async def warm_up(self) -> None:
        """Measures what batches of the models cost, if there are any."""
        for one in self._models.values():
            await one.warm_up()

    async def rerank(self, request: RerankRequest, call: Call) -> RerankReply:
        """The candidates, best first; equal ones in the order of the first ranking.

        Query and candidates may be of any modality, of one space: `space`, or that of the first vectors that
        are given, or the default one. A candidate that is empty, too large, of another space or of a modality
        that the space does not read is one of the reply's `failures`, and so is one that the comparison fails
        on. InvalidInput names what is wrong with the query, or the parameter that is unknown; SpaceMismatch
        where the space of the vectors does not read the query. Overloaded where too much waits.

        A `method` that is the name of a model has no parameters, no space and nothing to explain.
        """
        arrival = time.perf_counter()
        method, deadline, rank_fusion = request.method, call.deadline, request.rank_fusion
        merge = (
            rank_fusions.configure(rank_fusion.name, rank_fusion.parameters, field="rank_fusion")
            if rank_fusion
            else None
        )
        if method.name in self._models:
            _check_model_alone(method, request.space, request.explain)
            ranking = Ranking.of(request.query, request.candidates, merge, request.limit, self._limits)
            deadline.check("reranking")
            return await self._by_model(method.name, ranking, arrival, deadline)
        try:
            compare = rerankings.configure(method.name, method.parameters, field="method")
        except NotFound as unknown:
            raise NotFound(unknown.kind, unknown.name, [*unknown.choices, *self._models]) from None
        summarise = rerankings.form(SUMMARY, method.name, method.parameters)
        passes = rerankings.form(PASSES, method.name, method.parameters)
        ranking = Ranking.of(request.query, request.candidates, merge, request.limit, self._limits)
        errors = ranking.errors
        deadline.check("reranking")
        estimate = self._estimate(ranking, passes(TYPICAL_WIDTH))
        with self._admission.admit(estimate, items=len(ranking.sources), deadline=deadline) as ticket:
            resolved = await resolve(
                self._encoders,
                ranking.query,
                ranking.sources,
                errors,
                space=request.space,
                limits=self._limits,
                deadline=deadline,
            )
            encoded = time.perf_counter()
            asked = resolved.query
            times = passes(asked.values.shape[1])

            def bounded(place: int) -> MultiVector:
                return within_steps(
                    asked, resolved.candidates[place], times, self._limits, at("candidates", place)
                )

            offered = made_alone(bounded, {place: place for place in resolved.candidates}, errors)
            abandoned = threading.Event()
            comparison = Comparison(
                compare,
                summarise,
                times,
                asked,
                offered,
                lambda: _check_wanted(abandoned, deadline),
                self._limits.message_bytes,
            )
            try:
                chunks = self._admitted(comparison, ticket, list(offered), explain=False)
                batched = await self._run(chunks, ticket, deadline)
                scores: dict[int, float] = made_alone(result_of, _found(chunks, batched), errors)
                alignments: dict[int, Alignment] = {}
                if request.explain:
                    shown = [place for place, _ in ranking.ordered(scores)]
                    alignments = await self._explained(comparison, shown, errors, deadline)
            except BaseException:
                abandoned.set()  # whatever ended the request ends what its chunk computes now
                raise
        end = time.perf_counter()
        timing = resolved.timing
        timing.stages = [
            Stage(f"encode:{asked.space.name}", 0.0, encoded - arrival),
            Stage("compare", encoded - arrival, end - encoded),
        ]
        timing.queue += batched.queue
        timing.compute += end - encoded - batched.queue
        timing.total = end - arrival
        return ranking.reply(scores, alignments, timing, resolved.cost)

    async def close(self) -> None:
        """Stops after the chunk that is compared now; what waits fails with Unavailable."""
        await self._worker.close()
        for one in self._models.values():
            await one.close()

    async def _by_model(self, name: str, ranking: Ranking, arrival: float, deadline: Deadline) -> RerankReply:
        """The candidates by the scores of a model."""
        model = self._models[name]
        found = await model.score(ranking.query, ranking.sources, ranking.errors, deadline)
        end = time.perf_counter() - arrival
        timing = Timing(found.queue, found.prepare, found.compute, end)
        timing.stages = [
            Stage("tokenise", 0.0, found.prepare),
            Stage(f"score:{name}", found.prepare, end - found.prepare),
        ]
        return ranking.reply(found.scores, {}, timing, found.cost)

    def _estimate(self, ranking: Ranking, passes: int) -> int:
        """Steps before contents are encoded, never more than may wait: the count decides."""
        rows = sum(source.rows for source in ranking.sources.values())
        steps = steps_of(ranking.query.rows * rows, passes)
        limit = self._limits.rerank_steps
        return min(steps, limit) if limit else steps

    def _admitted(
        self, comparison: Comparison, ticket: Ticket, places: Sequence[int], *, explain: bool
    ) -> list[Chunk]:
        """The chunks of these candidates, after correcting the estimate of the ticket by them."""
        chunks = comparison.chunks(places, explain=explain)
        steps, limit = sum(chunk.tokens for chunk in chunks), self._limits.rerank_steps
        if limit and steps > limit:
            raise InvalidInput(
                f"comparing these candidates takes {steps} steps (rows of the query × rows of the candidates "
                f"× passes of the method), and this server takes {limit} at most; send fewer or shorter "
                "candidates, or ask for fewer iterations",
                field="candidates",
                reason="REQUEST_TOO_LARGE",
            )
        ticket.resize(steps, len(chunks))
        return chunks

    async def _explained(
        self,
        comparison: Comparison,
        places: Sequence[int],
        errors: dict[int, TiebackError],
        deadline: Deadline,
    ) -> dict[int, Alignment]:
        """The alignments of the results alone, which are compared once more for them.

        To keep those of all candidates until the order is known would take their number times their size.
        """
        chunks = comparison.chunks(places, explain=True)
        steps = sum(chunk.tokens for chunk in chunks)
        with self._admission.admit(steps, items=len(chunks), deadline=deadline) as ticket:
            batched = await self._run(chunks, ticket, deadline)
        return made_alone(result_of, _found(chunks, batched), errors)

    async def _run(self, chunks: Sequence[Chunk], ticket: Ticket, deadline: Deadline) -> Batched[Compared]:
        return await self._worker.submit(chunks, deadline=deadline, ticket=ticket, alone=True)


def _check_model_alone(method: MethodChoice, space: str, explain: bool) -> None:
    """InvalidInput for what a model makes no use of."""
    refuse_parameters(method, at("method"))
    if space:
        raise InvalidInput(f"{method.name} compares no vectors, so leave the space out", field="space")
    if explain:
        raise InvalidInput(
            f"{method.name} gives a number and no alignment; leave explain out, or name a method of the "
            "family reranking",
            field="explain",
        )


def _compare(chunks: Sequence[Chunk], _: Hashable) -> list[Compared]:
    return [compared(chunk) for chunk in chunks]


def _found(chunks: Sequence[Chunk], batched: Batched[Compared]) -> dict[int, Any]:
    """Result for each candidate, by its place; raises what ended a whole chunk."""
    found: dict[int, Any] = {}
    for chunk, result in zip(chunks, batched.results, strict=True):
        found.update(zip(chunk.places, result_of(result), strict=True))
    return found


def _check_wanted(abandoned: threading.Event, deadline: Deadline) -> None:
    if abandoned.is_set():
        raise DeadlineExceeded("nobody waits for this comparison any more")
    deadline.check("all candidates were compared")
