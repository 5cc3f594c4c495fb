"""A reranker that another server runs."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence

from tieback.catalog.card import RerankerCard
from tieback.catalog.endpoint_options import RerankerEndpoint
from tieback.core.deadline import Deadline
from tieback.core.together import all_or_none
from tieback.models.endpoints.json_endpoint import JsonEndpoint
from tieback.models.endpoints.requests import parts_of
from tieback.models.endpoints.text_length import TextLengths

HINT = "search without it (--reranker none), or with a method of the family reranking"


class EndpointReranker:
    """Asks one endpoint, over connections that are kept. For one event loop, but for `pair`."""

    def __init__(self, card: RerankerCard) -> None:
        self.card = card
        self._options = options = card.options_for(RerankerEndpoint)
        self._endpoint = JsonEndpoint(card.name, options, correct="base_url, model or batch", hint=HINT)
        self._lengths = TextLengths(options)
        self._free = asyncio.Semaphore(options.parallel)

    def pair(self, query: str, passage: str) -> tuple[str, str, int]:
        """The two texts as they are sent, and their tokens.

        Where they are too long, the query is cut to half of the room, and the passage to what is left of it.
        """
        room = max(2, self.card.max_tokens - self._lengths.special)
        asked, tokens, _ = self._lengths.cut(query, room // 2)
        kept, more, _ = self._lengths.cut(passage, room - tokens)
        return asked, kept, tokens + more

    async def score(
        self, query: str, passages: Sequence[str], tokens: Sequence[int], deadline: Deadline
    ) -> list[float]:
        """The score of each passage. The errors of `JsonEndpoint.ask`."""
        found: dict[int, float] = {}
        asked = len(query.encode())
        sizes = [(count, asked + len(one.encode())) for count, one in zip(tokens, passages, strict=True)]
        parts = iter(list(parts_of(self._options, sizes)))

        async def work() -> None:
            for places in parts:
                path, body = self._options.request(query, [passages[place] for place in places])

                def read(answer: object, count: int = len(places)) -> list[float]:
                    scores = self._options.scores(answer)
                    if sorted(scores) != list(range(count)) or not all(map(math.isfinite, scores.values())):
                        raise ValueError("no score of each passage")
                    return [scores[place] for place in range(count)]

                async with self._free:
                    scores = await self._endpoint.ask(path, body, deadline, read)
                found.update(zip(places, scores, strict=True))

        await all_or_none(work() for _ in range(max(1, self._options.parallel // 2)))
        return [found[place] for place in range(len(passages))]

    async def probe(self) -> str:
        """The reason that it cannot be asked now, in one sentence; or empty."""
        return await self._endpoint.probe(self._options.alive)

    async def close(self) -> None:
        """Closes the connections."""
        await self._endpoint.close()
