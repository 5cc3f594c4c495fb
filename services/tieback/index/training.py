"""Sorts vectors into lists, and learns codecs, in a thread beside the searches."""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor

from tieback.index.memory import Memory
from tieback.index.vectors import one_thread

_log = logging.getLogger(__name__)


class Trainer:
    """Trains one collection at a time. A failure is logged: search stays as it is."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "index-train", initializer=one_thread)
        self._closed = False

    def train(self, memory: Memory) -> None:
        """Begins with a collection's vectors, where they want it."""
        if memory.wants_training() and not self._closed:
            self._thread.submit(memory.train).add_done_callback(_log_failure)

    def close(self) -> None:
        """Waits for what it has begun."""
        self._closed = True
        self._thread.shutdown()


def _log_failure(trained: Future[None]) -> None:
    if not trained.cancelled() and trained.exception() is not None:
        _log.error(
            "vectors could not be sorted into lists, or their codec not be learned; search stays exact",
            exc_info=trained.exception(),
        )
