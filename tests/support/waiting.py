"""Waiting for what another task or thread brings about, and that has no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

PAUSE = 0.002
TIMES = 10_000
"""It is tried so often, which takes 20 s or more: a machine that stands still meanwhile fails nothing."""


async def until(reached: Callable[[], object]) -> None:
    """Waits for a condition; AssertionError where it does not come true."""
    for _ in range(TIMES):
        if reached():
            return
        await asyncio.sleep(PAUSE)
    raise AssertionError("what was waited for did not happen")
