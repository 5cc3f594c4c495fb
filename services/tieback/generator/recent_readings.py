"""What a network that reads questions together with sentences has found lately.

A question that is asked again mostly has the same quotes, and to read those takes longer than all else.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable

from tieback.core.tenant import TENANT

Reader = Callable[[str, str], float]
"""A question and sentences to the logit that they answer it."""

MOST = 8192
"""Readings that are kept, some 200 bytes each."""


class RecentReadings:
    """A reader that keeps what it has found, the least recently used dropped first. For any thread.

    Each tenant finds only its own, so that the time of an answer says nothing of others' questions.
    """

    def __init__(self, reader: Reader, most: int = MOST) -> None:
        self._reader = reader
        self._most = most
        self._kept: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, question: str, text: str) -> float:
        """As the reader."""
        parts = (part.encode("utf-8", "surrogatepass") for part in (TENANT.get(), question, text))
        key = hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        found = self._reader(question, text)
        with self._lock:
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return found
