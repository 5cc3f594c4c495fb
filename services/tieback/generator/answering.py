"""One answer on its way: the events that come of a request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from tieback_contract.answers import (
    AnswerAction,
    Finish,
    FinishReason,
    GenerationEvent,
    Repair,
    TextDelta,
    Twin,
)
from tieback_contract.claims import Verdict
from tieback_contract.reports import Timing

from tieback.batching.lane import Lane
from tieback.core.deadline import Deadline
from tieback.generator import abstaining
from tieback.generator.deciding import decided
from tieback.generator.evidence.passages import Place, ReadEvidence
from tieback.generator.evidence.quotes import quoted, without_unsure
from tieback.generator.evidence.reading import read_evidence
from tieback.generator.request import Counts, Request, Work
from tieback.generator.showing import CheckingAhead, Repairs, Rewrites, as_written, no_rewrites
from tieback.generator.writing.slots import Written, ahead
from tieback.generator.writing.twin import beside
from tieback.grounding import ClaimCheck, PassageReader
from tieback.methods.grounding import Statement

REWRITTEN_FROM = (1, 2)
"""Sentences of the evidence that a claim is written again from: the nearest one, then the two nearest."""


class AnswerRun:
    """One answer on its way."""

    def __init__(
        self,
        request: Request,
        arrived: float,
        deadline: Deadline,
        reader: PassageReader,
        lane: Lane,
    ) -> None:
        self._request = request
        self._lane = lane
        self._arrived = arrived
        self._deadline = deadline
        self._reader = reader
        self._timing = Timing()
        self._first_token = 0.0
        self._reason = FinishReason.END
        self._twin: Twin | None = None
        self._work = request.writing.begin(request.prompt, deadline) if request.writing else None

    async def events(self) -> AsyncGenerator[GenerationEvent, None]:
        """What it consists of, as it comes."""
        request = self._request
        evidence = None
        if request.evidence:
            evidence = await read_evidence(
                *(self._reader, request.prompt, request.evidence, request.judge, self._deadline, self._lane),
                first=request.first_sentences,
            )
        judgement = None if evidence is None else evidence.judgement
        decision = None
        if evidence is not None and request.decide is not None:
            decision = await asyncio.to_thread(decided, request.decide, evidence, request.evidence)
            yield decision
            if decision.action is AnswerAction.ITEM:
                self._timing.prepare = self._elapsed()
                yield self._finish(FinishReason.ITEM)
                return
        abstention = abstaining.before(
            judgement,
            request.grounding,
            is_needed=request.needs_evidence,
            unnamed=() if evidence is None else evidence.asked.unnamed,
            is_weighed=request.judge.reads_quotes,
        )
        if decision is not None:
            abstention = abstaining.decided(decision) or abstention
        places: list[Place] = []
        if evidence is not None and self._work is None:
            places = without_unsure(list(evidence.told), evidence.judgement)
        if abstention is not None:
            self._timing.prepare = self._elapsed()
            yield abstention
            yield self._finish(FinishReason.ABSTAINED)
            return
        passages = evidence.passages if evidence and not request.grounding.disabled else ()
        check = ClaimCheck(request.evidence, passages, request.checker, request.prompt, self._deadline)
        if self._work is None:
            self._timing.prepare = self._first_token = self._elapsed()
            if evidence is not None:  # without any it was abstained
                async for event in quoted(request.prompt, evidence, check, places):
                    yield replace(event, is_quoted=True) if isinstance(event, TextDelta) else event
            yield self._finish(FinishReason.END)
            return
        async with aclosing(self._written(self._work, evidence, check)) as events:
            async for event in events:
                yield event

    async def _written(
        self, work: Work, evidence: ReadEvidence | None, check: ClaimCheck
    ) -> AsyncGenerator[GenerationEvent, None]:
        request = self._request
        if evidence is None:
            prompt = await work.prepare(lambda _: [])
        else:
            prompt = await work.prepare(evidence.excerpt, evidence.excerpt_vectors)
        self._timing.prepare = self._elapsed()
        checking = CheckingAhead(check, self._reader, request.prompt, self._deadline)
        is_rewritten = request.grounding.repair is Repair.REWRITE
        repairs = Repairs(checking, _rewrites(work, evidence) if evidence and is_rewritten else no_rewrites)
        verdicts: list[Verdict] = []
        async with (
            beside(work.twin(prompt)) as twin,
            aclosing(ahead(self._timed(work.written(prompt)))) as pieces,
        ):
            is_shown_at_once = request.grounding.repair is Repair.NONE
            shown = as_written(pieces, checking) if is_shown_at_once else repairs.events(pieces)
            try:
                async with aclosing(shown) as events:
                    async for event in events:
                        verdicts += [event] if isinstance(event, Verdict) else []
                        yield event
            finally:
                checking.drop()
            self._twin = None if twin is None else await twin
        abstention = (
            abstaining.from_nothing()
            if repairs.left_nothing
            else abstaining.after(verdicts, check.supported_share, request.grounding)
        )
        if abstention is not None:
            yield abstention
        yield self._finish(self._reason if abstention is None else FinishReason.ABSTAINED)

    async def _timed(self, pieces: AsyncGenerator[Written, None]) -> AsyncGenerator[Written, None]:
        """Whether or not its reader keeps up."""
        async with aclosing(pieces):
            async for piece in pieces:
                if piece.text and not self._first_token:
                    self._first_token = self._elapsed()
                self._reason = piece.reason or self._reason
                yield piece

    def _finish(self, reason: FinishReason) -> Finish:
        request, timing = self._request, self._timing
        counts = self._work.counts if self._work else Counts()
        timing.total, timing.queue, timing.compute = self._elapsed(), counts.queued, counts.computed
        return Finish(
            reason=reason,
            model=request.writing.name if request.writing else "",
            prompt_tokens=counts.prompt,
            completion_tokens=counts.completion,
            changed_tokens=counts.changed,
            timing=timing,
            first_token=self._first_token,
            style=request.style,
            drafted_tokens=counts.drafted,
            accepted_tokens=counts.accepted,
            reused_tokens=counts.reused,
            evidence_transforms=counts.transforms,
            soft_tokens=counts.soft,
            twin=self._twin,
        )

    def _elapsed(self) -> float:
        return time.monotonic() - self._arrived


def _rewrites(work: Work, evidence: ReadEvidence) -> Rewrites:
    """What the model writes in place of a claim, from what is nearest to it in the evidence."""

    async def rewrites(statement: Statement) -> AsyncGenerator[str, None]:
        for count in REWRITTEN_FROM:
            nearest = partial(evidence.nearest, statement.vector, count)
            prompt = await work.prepare(nearest)
            async with aclosing(work.written(prompt)) as pieces:
                async for piece in pieces:
                    if piece.claims:
                        yield piece.claims[0].text
                        break

    return rewrites
