"""A query of any modality becomes hits: encode, fuse, search, rerank, merge."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from tieback_contract.alignment import Reranked
from tieback_contract.encodings import Truncated
from tieback_contract.fusion import Fused, RoutingExplanation
from tieback_contract.hits import Hit, RetrievedHit
from tieback_contract.limits import Limits
from tieback_contract.method_choice import is_chosen
from tieback_contract.query import NO_OPTIONS, Granularity, RetrievalPlan
from tieback_contract.reports import Stage

from tieback.answer.collection_spaces import CollectionSpaces
from tieback.answer.composing import Composing
from tieback.answer.conditions import Conditions
from tieback.answer.degradation import without
from tieback.answer.described import describe
from tieback.answer.documents import ranked_documents, sections_of
from tieback.answer.explanation import FINAL, explained
from tieback.answer.highlighting import Highlighting
from tieback.answer.learned_order import Ranker, learned_order
from tieback.answer.locating import STALE, Locating
from tieback.answer.mixtures import mixed
from tieback.answer.own_kind import related_from, with_own_kind_first
from tieback.answer.picture_query import is_picture_by_regions, plan_by_regions
from tieback.answer.plan import (
    DEFAULT_LIMIT,
    DEFAULT_PLAN,
    NO_RANKER,
    NO_RERANKING,
    WORDS_ALONE,
    filled,
)
from tieback.answer.plan_checks import check_known, check_ranker, checked_plan
from tieback.answer.query_words import beginning, words_of
from tieback.answer.relevance import related_first, with_relevance
from tieback.answer.rerank_times import RerankTimes
from tieback.answer.reranking import ranked, rerank, stored_tokens
from tieback.answer.stopwatch import Stopwatch, hop
from tieback.core.call import Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    InvalidInput,
    SpaceMismatch,
    StaleCollection,
    Unsupported,
)
from tieback.core.types.moving import SecondVector
from tieback.core.types.retrieval import RetrieveReply, RetrieveRequest
from tieback.core.types.search import SearchReply, SearchRequest, StageScores
from tieback.core.types.signals import NAMES
from tieback.ports import NO_EXPANSION, IndexPort, RerankerPort

FULL_TEXT = "full_text"

ENCODE_SHARE = 0.5
"""Of the time that is left, so much may go by until the spaces that have not answered are given up, unless a
setting says otherwise."""


class Retriever:
    """Finds what bears on a query."""

    def __init__(
        self,
        spaces: CollectionSpaces,
        index: IndexPort,
        reranker: RerankerPort | None,
        encode_share: float,
        limits: Limits,
        *,
        reranks_words: bool = True,
        rerankers: frozenset[str] = frozenset(),
        ranker: Ranker | None = None,
        composing: Composing,
        highlighting: Highlighting,
        conditions: Conditions,
    ) -> None:
        self._composing = composing
        self._conditions = conditions
        self._highlighting = highlighting
        self._ranker = ranker
        self._rerankers = rerankers
        self._spaces = spaces
        self._reranks_words = reranks_words
        self._index = index
        self._reranker = reranker
        self._rerank_times = RerankTimes()
        self._locating = Locating(spaces, composing, encode_share)
        self._limits = limits

    async def retrieve(
        self,
        retrieval: RetrieveRequest,
        watch: Stopwatch,
        deadline: Deadline,
        defaults: RetrievalPlan = DEFAULT_PLAN,
    ) -> RetrieveReply:
        """Spaces and a reranker that are down or late are left out where the rest can answer."""
        with watch.stage("plan"):
            plan = self._planned(retrieval, defaults)
            if plan.options.composition:
                self._composing.check(plan.options.composition, retrieval.query)
            chosen = await self._spaces.plan_to_read(retrieval.collection, hop(deadline))
            if chosen != NO_OPTIONS:
                check_known(retrieval.collection, chosen, self._rerankers, self._ranker)
                retrieval = filled(retrieval, chosen)
                plan = self._planned(retrieval, defaults)
            self._conditions.check(retrieval, plan)
        if self._reranker is None and is_chosen(plan.options.reranker):
            raise Unsupported("no space of this server has multi-vectors to rerank by")
        try:
            return await self._retrieve(retrieval, plan, watch, deadline)
        except SpaceMismatch:
            if not self._spaces.forget(retrieval.collection):
                raise
        return await self._retrieve(retrieval, plan, watch, deadline)  # the collection was made anew

    def _planned(self, retrieval: RetrieveRequest, defaults: RetrievalPlan) -> RetrievalPlan:
        plan = checked_plan(retrieval, self._limits, defaults, self._rerankers)
        check_ranker(plan, self._ranker)
        return plan

    async def _retrieve(
        self, retrieval: RetrieveRequest, plan: RetrievalPlan, watch: Stopwatch, deadline: Deadline
    ) -> RetrieveReply:
        fused: Fused | None = None
        unread: Mapping[str, Truncated] = {}
        second: SecondVector | None = None
        if is_chosen(plan.options.vector_search):
            try:
                located = await self._locating.locate(retrieval, watch, deadline)
                fused, unread, second = located.fused, located.unread, located.second
            except StaleCollection as stale:
                return await self._by_words(retrieval, plan, stale, watch, deadline)
        labels = () if fused is None else fused.labels
        own = words_of(retrieval.query)
        # "How do I make it?" beside a photo of a cup asks about what the photo shows.
        words = " ".join(part for part in (own, describe(labels)) if part)
        # Names of classes are looked for as words only where that is asked for: what a photo was taken for is
        # in its vector already, and such a word finds whatever else it names.
        searched = words if retrieval.options.hybrid else own
        if not searched and plan.options.hybrid:
            plan = plan.but(hybrid=False, rank_fusion=None, ranker=NO_RANKER)
        if fused is not None:
            plan = with_own_kind_first(retrieval, plan, fused.vector.space.name)
        by_regions = None
        moving = await self._spaces.moving(retrieval.collection, hop(deadline))
        translated = moving is not None and bool(moving.translation)
        if translated and plan.options.condition:
            raise InvalidInput(
                "the collection's old model is gone, so there are no conditions until its upgrade is "
                "finished; leave the condition out",
                field="condition",
            )
        if not own and fused is not None and self._reranker is not None and not translated:
            space, _ = await self._spaces.to_read(retrieval.collection, hop(deadline))
            if is_picture_by_regions(retrieval.query, space):
                plan = plan_by_regions(retrieval, plan, space, self._limits)
                by_regions = space
        method = plan.options.reranker or NO_RERANKING
        by_rows = method.name not in (NO_RERANKING.name, *self._rerankers)
        by_regions = by_regions if by_rows else None
        if by_rows and by_regions is None and not self._reranks_words:
            raise Unsupported(
                "no text space of this server has multi-vectors to rerank by; a photo alone is reranked by "
                "regions where its collection keeps them"
            )
        tokens = None
        if by_rows and words and by_regions is None:
            tokens = await self._spaces.tokens_to_read(retrieval.collection, hop(deadline))
        under = None
        if plan.options.condition and fused is not None:
            space, _ = await self._spaces.to_read(retrieval.collection, hop(deadline))
            under = self._conditions.of(retrieval, space)
        found = await self._search(
            *(retrieval, plan, fused, searched, watch, deadline),
            multi_vectors=by_regions is not None or (under is not None and under.learned.regions),
            token_vectors=tokens is not None,
            vectors=under is not None and not under.learned.regions,
            second=second,
        )
        documents = plan.options.granularity is Granularity.DOCUMENT
        compared = sections_of(found.hits) if documents else found.hits
        reranked, lost = await rerank(
            self._reranker,
            retrieval.query,
            method,
            words,
            by_regions,
            tokens,
            compared,
            watch,
            deadline,
            self._rerank_times,
            explain=retrieval.explain and by_rows,
        )
        if any(stored_tokens(hit, tokens) is not None for hit in compared):
            plan = dataclasses.replace(plan, token_vectors=True)
        if lost:
            plan = dataclasses.replace(
                plan.but(reranker=NO_RERANKING), skipped_reranker=plan.options.reranker
            )
        conditional = None
        if under is not None and fused is not None:
            conditional = await under.ordered(fused, found.hits, watch, hop(deadline))
        with watch.stage(FINAL) as stage:
            routing = RoutingExplanation(FULL_TEXT, {}, 0.0) if fused is None else fused.routing
            routing = without(routing, {"reranker": lost} if lost else {})
            space_name = "" if fused is None else fused.vector.space.name
            plan = _used(plan, found)
            ordered = conditional or self._ordered(retrieval, plan, _shown(found.hits), reranked)
            hits, steps = _ended(retrieval, plan, found, ordered, reranked, space_name, stage)
        hits = await self._highlighting.highlighted(
            hits, own, retrieval.options.highlights or 0, watch, deadline
        )
        mixture = mixed(hits, moving)
        return RetrieveReply(hits, routing, labels, watch.timing(), plan, unread, steps, mixture)

    async def _by_words(
        self,
        retrieval: RetrieveRequest,
        plan: RetrievalPlan,
        stale: StaleCollection,
        watch: Stopwatch,
        deadline: Deadline,
    ) -> RetrieveReply:
        """What full text alone finds, marked degraded: the vectors are of a space that is not served."""
        words = words_of(retrieval.query)
        if not words or not plan.options.hybrid:
            raise stale
        plan = plan.but(
            ranker=NO_RANKER,
            balance_modalities=False,
            rank_fusion=None,
            reranker=NO_RERANKING,
            vector_search=WORDS_ALONE,
            condition="",
        )
        found = await self._search(retrieval, plan, None, words, watch, deadline)
        plan = _used(plan, found)
        with watch.stage(FINAL) as stage:
            ordered = self._ordered(retrieval, plan, found.hits, {})
            hits, steps = _ended(retrieval, plan, found, ordered, {}, "", stage)
        hits = await self._highlighting.highlighted(
            hits, words, retrieval.options.highlights or 0, watch, deadline
        )
        reasons = {stale.space: STALE}
        routing = RoutingExplanation(FULL_TEXT, {}, 0.0, [stale.space], degraded=True, reasons=reasons)
        return RetrieveReply(hits, routing, (), watch.timing(), plan, steps=steps)

    def _signals(self, retrieval: RetrieveRequest, plan: RetrievalPlan) -> Collection[str]:
        """The names of the signals that the ranking reads; all where the result is explained."""
        if self._ranker is None or not is_chosen(plan.options.ranker):
            return ()
        return {*NAMES, *self._ranker.read} if retrieval.explain else self._ranker.read

    def _ordered(
        self,
        retrieval: RetrieveRequest,
        plan: RetrievalPlan,
        hits: Sequence[Hit],
        reranked: Mapping[int, Reranked],
    ) -> list[RetrievedHit]:
        """The hits in their final order, by the plan; all of them where the result is explained."""
        limit = len(hits) if retrieval.explain else retrieval.limit or DEFAULT_LIMIT
        if self._ranker is not None and is_chosen(plan.options.ranker):
            return learned_order(hits, self._ranker, limit, explain=retrieval.explain)
        order = ranked_documents if plan.options.granularity is Granularity.DOCUMENT else ranked
        return order(hits, reranked, limit)

    async def _search(
        self,
        retrieval: RetrieveRequest,
        plan: RetrievalPlan,
        fused: Fused | None,
        words: str,
        watch: Stopwatch,
        deadline: Deadline,
        *,
        multi_vectors: bool = False,
        token_vectors: bool = False,
        vectors: bool = False,
        second: SecondVector | None = None,
    ) -> SearchReply:
        with watch.stage("search") as stage:
            options = plan.options
            request = SearchRequest(
                retrieval.collection,
                None if fused is None else fused.vector,
                beginning(words) if options.hybrid else "",
                plan.options.candidates or 0,
                retrieval.filter,
                retrieval.explain,
                ignored=() if fused is None else fused.ignored,
                multi_vectors=multi_vectors,
                token_vectors=token_vectors,
                vectors=vectors,
                signals=self._signals(retrieval, plan),
                second=second,
                first_modality=plan.first_modality,
                related_from=None if fused is None else related_from(plan, fused.vector.space.name),
                fill_up=plan.fill_up,
                options=dataclasses.replace(
                    options.of_search(),
                    highlights=options.highlights if words and options.hybrid else None,
                ),
            )
            reply = await self._index.search(request, Call(hop(deadline)))
            stage.queue, stage.compute = reply.timing.queue, reply.timing.compute
            watch.add_parts(stage, reply.timing)
            return reply


def _ended(
    retrieval: RetrieveRequest,
    plan: RetrievalPlan,
    found: SearchReply,
    ordered: Sequence[RetrievedHit],
    reranked: Mapping[int, Reranked],
    space: str,
    stage: Stage,
) -> tuple[list[RetrievedHit], Sequence[StageScores]]:
    """The hits that are given, with their relevance in the space where it has one.

    And what the steps made of them, where that is asked for.
    """
    limit = retrieval.limit or DEFAULT_LIMIT
    hits = with_relevance(
        ordered[:limit], space, plan.relevance_floor, retrieval.options.min_relevance or 0.0
    )
    hits = related_first(hits) if plan.options.balance_modalities else hits
    return hits, explained(found, ordered, limit, hits, reranked, stage) if retrieval.explain else ()


def _used(plan: RetrievalPlan, found: SearchReply) -> RetrievalPlan:
    """The plan as the search used it: a method may have left the query as it was, or chosen another."""
    if not found.expanded:
        plan = plan.but(query_expansion=NO_EXPANSION)
    if (reached := found.reached) is None:
        return plan
    return dataclasses.replace(
        plan.but(vector_search=reached.method),
        expected_recall=reached.recall,
        expected_seconds=reached.seconds,
    )


def _shown(hits: Sequence[Hit]) -> list[Hit]:
    """The hits without vectors, which the caller did not ask for."""
    return [
        dataclasses.replace(hit, multi_vector=None, sections=_shown(hit.sections))
        if hit.multi_vector is not None or hit.sections
        else hit
        for hit in hits
    ]
