"""An encoder whose spaces can be made slow or taken down, in front of a real one."""

from __future__ import annotations

import asyncio

from tieback.core.call import Call
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.encoding import (
    EncodeReply,
    EncodeRequest,
    SplitReply,
    SplitTextsRequest,
)
from tieback.ports import TOO_MANY_PIECES, EncoderPort


class Troubles:
    """`down` spaces raise their error; `slow` ones take so many seconds. `most_pieces` is of one answer."""

    def __init__(self, encoder: EncoderPort) -> None:
        self._encoder = encoder
        self.down: dict[str, TiebackError] = {}
        self.slow: dict[str, float] = {}
        self.asked: list[tuple[str, int]] = []
        self.cancelled: list[str] = []
        self.cut: list[tuple[str, list[str]]] = []
        self.most_pieces = 0

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        space = request.space
        self.asked.append((space, len(request.contents)))
        if space in self.down:
            raise self.down[space]
        try:
            await asyncio.sleep(self.slow.get(space, 0))
            return await self._encoder.encode(request, call)
        except asyncio.CancelledError:
            self.cancelled.append(space)
            raise

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        self.cut.append((request.space, list(request.texts)))
        if request.space in self.down:
            raise self.down[request.space]
        reply = await self._encoder.split_texts(request, call)
        if (
            self.most_pieces
            and sum(len(one) for one in reply.results if not isinstance(one, TiebackError)) > self.most_pieces
        ):
            raise InvalidInput("too many pieces", field="texts", reason=TOO_MANY_PIECES)
        return reply
