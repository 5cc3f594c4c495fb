"""Makes graphs and lists of vectors, and learns codecs, in a thread beside the searches."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from tieback.index.vectors import one_thread

_NICE = 5  # not more: a search may wait for the lock that this thread holds

_log = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818 - nothing went wrong
    """Work of minutes is given up: the index is closed."""


class Trained(Protocol):
    """Vectors that may want graphs or lists."""

    def wants_training(self) -> bool:
        """Whether they do."""
        ...

    def train(self, check: Callable[[], None] = ...) -> None:
        """Makes them. What `check` raises ends the work."""
        ...


class Trainer:
    """Trains the vectors of one collection at a time. A failure is logged: search stays as it is."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "index-train", initializer=_beside)
        self._closed = False

    def train(self, vectors: Trained) -> None:
        """Begins with a collection's vectors, where they want it."""
        if vectors.wants_training() and not self._closed:
            self._thread.submit(vectors.train, self._stop_if_closed).add_done_callback(_log_failure)

    def close(self) -> None:
        """Waits for what it has begun; a graph that is being made or grows is left as it is."""
        self._closed = True
        self._thread.shutdown()

    def _stop_if_closed(self) -> None:
        if self._closed:
            raise Stopped


def _beside() -> None:
    """Keeps faiss on this thread, and lets searches and writes go first."""
    one_thread()
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _log_failure(trained: Future[None]) -> None:
    if not trained.cancelled() and not isinstance(trained.exception(), Stopped | None):
        _log.error(
            "vectors got no graph or lists, or their codec was not learned; search stays as it is",
            exc_info=trained.exception(),
        )
