"""How late the event loop is: the time by which work on it delays every other caller of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

INTERVAL = 0.05
"""Seconds between two measurements. What holds the loop for longer is always seen."""


class LoopLag:
    """Measures, by sleeping, how much later than asked the running loop wakes a task.

    `observe` takes each lag in seconds.
    """

    def __init__(self, observe: Callable[[float], object], *, interval: float = INTERVAL) -> None:
        self._observe = observe
        self._interval = interval
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to measure the running loop."""
        self._task = asyncio.create_task(self._measure())

    def stop(self) -> None:
        """Ends it; nothing where it was not started."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + self._interval
            await asyncio.sleep(self._interval)
            self._observe(max(loop.time() - due, 0.0))
