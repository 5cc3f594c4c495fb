"""A store passes from a replica to its successor, which has started beside it.

A start takes seconds, most of them for imports and models; only the last part needs the store, which lets one
process in. So a successor does the rest first, says where it will listen, and waits at the lock, while the
replica before it serves. It waits only for one of its own cluster: any other is a mistake, of which the lock
tells.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import socket
import time
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.05


class Handover:
    """The wait of one process for the locks of its store; `key` is what the processes of a cluster share.

    `waiting` is set once it waits, which it does for so many seconds of `patience`.
    """

    def __init__(self, key: bytes, patience: float) -> None:
        self._cluster, self._patience = hashlib.sha256(key).hexdigest(), patience
        self._locks: list[Path] = []
        self.waiting = asyncio.Event()

    async def free(self, lock: Path) -> None:
        """Returns once nobody of this cluster holds the lock, or when the patience is over."""
        self._locks.append(lock)
        end = time.monotonic() + self._patience
        while self._holds(lock) and time.monotonic() < end:
            self.waiting.set()
            await asyncio.sleep(_POLL_SECONDS)

    def done(self) -> None:
        """Notes, once the locks are held, that a process of this cluster has them."""
        for lock in self._locks:
            _note(lock).write_text(self._cluster)

    def _holds(self, lock: Path) -> bool:
        with suppress(OSError):
            if _note(lock).read_text() == self._cluster:
                with lock.open("rb") as file:
                    return _is_locked(file.fileno())
        return False


class Place:
    """A free port of a host, kept until somebody listens there who shares ports (SO_REUSEPORT)."""

    def __init__(self, host: str) -> None:
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._socket.bind((host, 0))
        self.port = int(self._socket.getsockname()[1])

    def close(self) -> None:
        """Leaves the port to those who listen there."""
        self._socket.close()


def _note(lock: Path) -> Path:
    return lock.with_name(f"{lock.name}.cluster")


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
