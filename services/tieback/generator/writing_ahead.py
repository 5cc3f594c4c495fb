"""Writes an answer ahead of its reader, so that a slow reader holds no slot.

A separate task holds the slot while the answer is written, and buffers the text until it is read.
`max_tokens` bounds the answer and so the buffer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from tieback_contract.answers import FinishReason, ScoredToken
from tieback_contract.claims import Claim


@dataclass(frozen=True, slots=True)
class Written:
    """Text that is certain, the claims that it completes, and why it is the last where it is.

    `scores` are of the token that was written, where they were asked for. `pending` is a claim that is over
    if the next token does not go on with it.
    """

    text: str
    claims: list[Claim]
    reason: FinishReason | None
    scores: ScoredToken | None = None
    pending: str = ""


async def ahead(pieces: AsyncGenerator[Written, None]) -> AsyncGenerator[Written, None]:
    """The same pieces, each taken from its source as soon as it is there; also their error, in its place.

    Leaving cancels the source and waits until it has ended.
    """
    waiting: asyncio.Queue[Written | None] = asyncio.Queue()
    task = asyncio.create_task(_write(pieces, waiting))
    try:
        while (piece := await waiting.get()) is not None:
            yield piece
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # raised above, unless nobody reads on


async def _write(pieces: AsyncGenerator[Written, None], waiting: asyncio.Queue[Written | None]) -> None:
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                waiting.put_nowait(piece)
    finally:
        waiting.put_nowait(None)
