"""Orders candidates by a closer look: row by row of multi-vectors, or by a model that reads both texts.

Comparing rows is done on one thread of its own, chunk by chunk, in fair turns between tenants, and admitted
by what it costs: rows of the query × rows of the candidates × the passes that the method makes over them.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np

from tieback.admission import Admission, Ticket
from tieback.allowance import Allowance
from tieback.batching import Batched, Batcher, BatchReport
from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, InvalidInput, NotFound, TiebackError
from tieback.core.field_path import at
from tieback.core.order import best_first
from tieback.core.types.arrays import Array
from tieback.core.types.limits import Limits
from tieback.core.types.load import Load
from tieback.core.types.method_choice import MethodChoice
from tieback.core.types.report import Stage, Timing
from tieback.core.types.rerank import Alignment, RerankCandidate, RerankReply, RerankResult, RerankSource
from tieback.methods.rank_fusion import RankFusion, rank_fusions
from tieback.methods.reranking import PASSES, SUMMARY, rerankings
from tieback.models.cross_encoder import CrossEncoderModel
from tieback.ports import DEFAULT_RERANKING, EncoderPort
from tieback.reranker.comparison import Chunk, Compared, Comparison, compared, steps_of
from tieback.reranker.cross_encoding import CrossEncoding
from tieback.reranker.sources import Source, resolve

TYPICAL_WIDTH = 384
"""For the estimate that admission takes before contents are encoded."""

BATCH_TOKENS = 512
"""Of a model's batch, where nothing else is said."""

TYPICAL_RATE = 400_000_000
"""Steps a second, before any were measured."""


class Reranker:
    """A `RerankerPort` that takes multi-vectors from an encoder's space; `space` is the default one.

    Requests may name one of the `models` in place of a method. `batch_tokens` bounds the tokens of a batch of
    theirs, padding included; `on_batch` is called with each and the model's name, on its worker's thread.
    """

    def __init__(
        self,
        encoder: EncoderPort,
        *,
        space: str = "all-minilm-l6-v2",
        limits: Limits | None = None,
        models: Sequence[CrossEncoderModel] = (),
        batch_tokens: int = BATCH_TOKENS,
        on_batch: Callable[[str, BatchReport], None] | None = None,
    ) -> None:
        self._encoder = encoder
        self._space = space
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
            learns=False,  # a comparison looks at its deadline itself
        )
        allowance = Allowance()  # of a tenant for all models together
        self._models = {
            model.card.name: CrossEncoding(
                model,
                limits=self._limits,
                batch_tokens=batch_tokens,
                allowance=allowance,
                on_batch=functools.partial(on_batch, model.card.name) if on_batch is not None else None,
            )
            for model in models
        }

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

    async def rerank(
        self,
        query: RerankSource,
        candidates: Sequence[RerankCandidate],
        *,
        method: MethodChoice = DEFAULT_RERANKING,
        rank_fusion: MethodChoice | None = None,
        space: str = "",
        limit: int = 0,
        explain: bool = False,
        deadline: Deadline = NO_DEADLINE,
    ) -> RerankReply:
        """The candidates, best first; equal ones in the order of the first ranking.

        Query and candidates may be of any modality, of one space: `space`, or that of the first vectors that
        are given, or the default one. InvalidInput names the candidate that is empty or too large, the
        parameter that is unknown; SpaceMismatch where vectors are of two spaces, or a content is of a
        modality that their space does not read. Overloaded where too much waits.

        A `method` that is the name of a model has no parameters, no space and nothing to explain.
        """
        arrival = time.perf_counter()
        merge = (
            rank_fusions.configure(rank_fusion.name, rank_fusion.parameters, field="rank_fusion")
            if rank_fusion
            else None
        )
        if method.name in self._models:
            _check_model_alone(method, space, explain)
            sources = self._sources(query, candidates)
            deadline.check("reranking")
            return await self._by_model(method.name, sources, candidates, merge, limit, arrival, deadline)
        try:
            compare = rerankings.configure(method.name, method.parameters, field="method")
        except NotFound as unknown:
            raise NotFound(unknown.kind, unknown.name, [*unknown.choices, *self._models]) from None
        summarise = rerankings.form(SUMMARY, method.name, method.parameters)
        passes = rerankings.form(PASSES, method.name, method.parameters)
        sources = self._sources(query, candidates)
        deadline.check("reranking")
        estimate = self._estimate(sources, passes(TYPICAL_WIDTH))
        with self._admission.admit(estimate, items=len(candidates), deadline=deadline) as ticket:
            resolved = await resolve(
                self._encoder,
                sources,
                space=space,
                default=self._space,
                limits=self._limits,
                deadline=deadline,
            )
            encoded = time.perf_counter()
            asked, *offered = resolved.vectors
            abandoned = threading.Event()
            comparison = Comparison(
                compare,
                summarise,
                passes(asked.values.shape[1]),
                asked,
                offered,
                lambda: _check_wanted(abandoned, deadline),
                self._limits.message_bytes,
            )
            comparison.check(self._limits)
            try:
                chunks = self._admitted(comparison, ticket, range(len(offered)), explain=False)
                batched = await self._run(chunks, ticket, deadline)
                scores = np.concatenate([one.scores for one in _found(batched)])
                scores = scores[np.argsort([place for chunk in chunks for place in chunk.places])]
                final, order = _ordered(scores, candidates, merge, limit)
                alignments: dict[int, Alignment] = {}
                if explain:
                    alignments = await self._explained(comparison, order, deadline)
            except BaseException:
                abandoned.set()  # whatever ended the request ends what its chunk computes now
                raise
        results = _results(candidates, scores, final, order, alignments)
        end = time.perf_counter()
        timing = resolved.timing
        timing.stages = [
            Stage(f"encode:{asked.space.name}", 0.0, encoded - arrival),
            Stage("compare", encoded - arrival, end - encoded),
        ]
        timing.queue += batched.queue
        timing.compute += end - encoded - batched.queue
        timing.total = end - arrival
        return RerankReply(results, timing, resolved.cost)

    async def close(self) -> None:
        """Stops after the chunk that is compared now; what waits fails with Unavailable."""
        await self._worker.close()
        for one in self._models.values():
            await one.close()

    async def _by_model(
        self,
        name: str,
        sources: Sequence[Source],
        candidates: Sequence[RerankCandidate],
        merge: RankFusion | None,
        limit: int,
        arrival: float,
        deadline: Deadline,
    ) -> RerankReply:
        """The candidates by the scores of a model; the first of the sources is the query."""
        found = await self._models[name].score(sources[0], sources[1:], deadline)
        final, order = _ordered(found.scores, candidates, merge, limit)
        end = time.perf_counter() - arrival
        timing = Timing(found.queue, found.prepare, found.compute, end)
        timing.stages = [
            Stage("tokenise", 0.0, found.prepare),
            Stage(f"score:{name}", found.prepare, end - found.prepare),
        ]
        return RerankReply(_results(candidates, found.scores, final, order, {}), timing, found.cost)

    def _sources(self, query: RerankSource, candidates: Sequence[RerankCandidate]) -> list[Source]:
        """The query, then the candidates. InvalidInput for what is wrong with one before any is encoded."""
        if not candidates:
            raise InvalidInput("there is nothing to rerank: give at least one candidate", field="candidates")
        most = self._limits.batch_items
        if most and len(candidates) > most:
            raise InvalidInput(f"{len(candidates)} candidates; the limit is {most}", field="candidates")
        sources = [Source.of(at("query"), query, self._limits)]
        for place, candidate in enumerate(candidates):
            if not math.isfinite(candidate.score):
                raise InvalidInput(
                    f"a score is a finite number, not {candidate.score}",
                    field=at("candidates", place, "score"),
                )
            sources.append(Source.of(at("candidates", place, "source"), candidate.source, self._limits))
        return sources

    def _estimate(self, sources: Sequence[Source], passes: int) -> int:
        """Steps before contents are encoded, never more than may wait: the count decides."""
        query, *candidates = (source.rows for source in sources)
        steps = steps_of(query * sum(candidates), passes)
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
        self, comparison: Comparison, order: Sequence[int], deadline: Deadline
    ) -> dict[int, Alignment]:
        """The alignments of the results alone, which are compared once more for them.

        To keep those of all candidates until the order is known would take their number times their size.
        """
        chunks = comparison.chunks(order, explain=True)
        steps = sum(chunk.tokens for chunk in chunks)
        with self._admission.admit(steps, items=len(chunks), deadline=deadline) as ticket:
            batched = await self._run(chunks, ticket, deadline)
        return {
            place: alignment
            for chunk, found in zip(chunks, _found(batched), strict=True)
            for place, alignment in zip(chunk.places, found.alignments, strict=True)
        }

    async def _run(self, chunks: Sequence[Chunk], ticket: Ticket, deadline: Deadline) -> Batched[Compared]:
        return await self._worker.submit(chunks, deadline=deadline, ticket=ticket, alone=True)


def _ordered(
    scores: Array, candidates: Sequence[RerankCandidate], merge: RankFusion | None, limit: int
) -> tuple[Array, list[int]]:
    """What the candidates are ordered by, and the places of the first, best first.

    Equal ones stay in the order of the first ranking.
    """
    final = scores
    if merge is not None:
        final = merge(np.array([[candidate.score for candidate in candidates], scores]))
    return final, best_first(final, lambda place: place, limit or None)


def _results(
    candidates: Sequence[RerankCandidate],
    scores: Array,
    final: Array,
    order: Sequence[int],
    alignments: Mapping[int, Alignment],
) -> list[RerankResult]:
    return [
        RerankResult(
            id=candidates[place].id,
            score=float(final[place]),
            rerank_score=float(scores[place]),
            first_rank=place,
            alignment=alignments.get(place),
        )
        for place in order
    ]


def _check_model_alone(method: MethodChoice, space: str, explain: bool) -> None:
    """InvalidInput for what a model makes no use of."""
    method.refuse_parameters(at("method"))
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


def _found(batched: Batched[Compared]) -> list[Compared]:
    """What was found in each chunk; raises what went wrong in one."""
    found: list[Compared] = []
    for result in batched.results:
        if isinstance(result, TiebackError):
            raise result
        found.append(result)
    return found


def _check_wanted(abandoned: threading.Event, deadline: Deadline) -> None:
    if abandoned.is_set():
        raise DeadlineExceeded("nobody waits for this comparison any more")
    deadline.check("all candidates were compared")
