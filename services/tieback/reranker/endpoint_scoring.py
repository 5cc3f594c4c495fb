"""Scores of a reranker that another server runs: what `CrossEncoding` is for one that runs here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from tieback_contract.limits import Limits
from tieback_contract.reports import Cost

from tieback.admission import Admission
from tieback.allowance import Allowance
from tieback.core.alone import made_alone
from tieback.core.deadline import Deadline
from tieback.core.errors import TiebackError
from tieback.models.endpoints.reranker import EndpointReranker
from tieback.reranker.cross_encoding import Scored, text_of
from tieback.reranker.sources import BYTES_PER_TOKEN, ReadSource


class EndpointScoring:
    """One endpoint. Its requests go out as they come."""

    def __init__(self, model: EndpointReranker, *, limits: Limits, allowance: Allowance) -> None:
        self._model, self._limits, self._allowance = model, limits, allowance
        self.admission = Admission(limits.queued_tokens)

    async def score(
        self,
        query: ReadSource,
        candidates: Mapping[int, ReadSource],
        errors: dict[int, TiebackError],
        deadline: Deadline,
    ) -> Scored:
        """See `CrossEncoding.score`; and the errors of the endpoint, which are those of all candidates."""
        begun, name = time.monotonic(), self._model.card.name
        asked = text_of(query, name, self._limits)
        passages = made_alone(lambda one: text_of(one, name, self._limits), candidates, errors)
        estimate = sum((len(asked) + len(one)) // BYTES_PER_TOKEN + 1 for one in passages.values())
        with self.admission.admit(estimate, items=len(passages), deadline=deadline) as ticket:
            self._allowance.take(estimate)
            pairs = await asyncio.to_thread(
                lambda: [self._model.pair(asked, passage) for passage in passages.values()]
            )
            counts = [tokens for _, _, tokens in pairs]
            self._allowance.correct(sum(counts) - estimate)
            preparing = time.monotonic() - begun
            ticket.start(estimate, len(passages))
            try:
                texts = [passage for _, passage, _ in pairs]
                sent = pairs[0][0] if pairs else asked
                scores = await self._model.score(sent, texts, counts, deadline)
            finally:
                ticket.finish(estimate, len(passages))
        found = dict(zip(passages, scores, strict=True))
        cost = Cost(len(found), sum(counts), 0)
        return Scored(found, preparing, 0.0, time.monotonic() - begun - preparing, cost)

    async def warm_up(self) -> None:
        """Nothing: it may be away for now."""

    async def close(self) -> None:
        """Closes the connections."""
        await self._model.close()
