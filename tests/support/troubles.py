"""An encoder whose spaces can be made slow or taken down, in front of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import CachePolicy, EncodePlan, EncodeReply, SplitReply
from tieback.ports import DEFAULT_PLAN, TOO_MANY_PIECES, EncoderPort


class Troubles:
    """`down` spaces raise their error; `slow` ones take so many seconds. `most_pieces` is of one answer."""

    def __init__(self, encoder: EncoderPort) -> None:
        self._encoder = encoder
        self.down: dict[str, TiebackError] = {}
        self.slow: dict[str, float] = {}
        self.asked: list[tuple[str, int]] = []
        self.cancelled: list[str] = []
        self.split_texts: list[tuple[str, list[str]]] = []
        self.most_pieces = 0

    async def encode(
        self,
        space: str,
        contents: Sequence[Content],
        plan: EncodePlan = DEFAULT_PLAN,
        *,
        cache: CachePolicy = CachePolicy.USE,
        deadline: Deadline = NO_DEADLINE,
    ) -> EncodeReply:
        self.asked.append((space, len(contents)))
        if space in self.down:
            raise self.down[space]
        try:
            await asyncio.sleep(self.slow.get(space, 0))
            return await self._encoder.encode(space, contents, plan, cache=cache, deadline=deadline)
        except asyncio.CancelledError:
            self.cancelled.append(space)
            raise

    async def split(
        self,
        space: str,
        texts: Sequence[str],
        *,
        max_tokens: int = 0,
        overlap: float | None = None,
        deadline: Deadline = NO_DEADLINE,
    ) -> SplitReply:
        self.split_texts.append((space, list(texts)))
        if space in self.down:
            raise self.down[space]
        reply = await self._encoder.split(
            space, texts, max_tokens=max_tokens, overlap=overlap, deadline=deadline
        )
        if (
            self.most_pieces
            and sum(len(one) for one in reply.results if not isinstance(one, TiebackError)) > self.most_pieces
        ):
            raise InvalidInput("too many pieces", field="texts", reason=TOO_MANY_PIECES)
        return reply
