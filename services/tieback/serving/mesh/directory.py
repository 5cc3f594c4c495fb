"""Where the replicas of each deployment listen: one table per process.

Ray Serve pickles the module of a request router by value, so a router cannot keep the table itself: what it
wrote would be seen by its own copy of the module alone. This module is imported by name, and so it is the
same for the router that writes and for the mesh that reads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Replica:
    """A replica that Ray Serve reports as running. Addresses are HOST:PORT; empty where it serves none.

    Clients may ask it at `direct_address`. One that `waits` serves once another one lets the store go.
    """

    id: str
    address: str
    metrics_address: str = ""
    direct_address: str = ""
    waits: bool = False


@dataclass(slots=True)
class _Listener:
    loop: asyncio.AbstractEventLoop
    call: Callable[[], None]


@dataclass(slots=True)
class Directory:
    """Deployment name → its replicas. Written by the router's thread, read by the event loop's.

    `version` counts the changes, for those who keep what they made of the replicas.
    """

    version: int = 0
    _replicas: dict[str, tuple[Replica, ...]] = field(default_factory=dict)
    _listeners: list[_Listener] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def update(self, deployment: str, replicas: Mapping[str, Mapping[str, str]]) -> None:
        """Replaces what is known of a deployment by what its replicas published, by replica id."""
        found = tuple(
            Replica(
                name,
                metadata.get("address", ""),
                metadata.get("metrics_address", ""),
                metadata.get("direct_address", ""),
                "waits" in metadata,
            )
            for name, metadata in sorted(replicas.items())
        )
        with self._lock:
            if self._replicas.get(deployment) == found:
                return
            self._replicas[deployment] = found
            self.version += 1
            listeners = list(self._listeners)
        for listener in listeners:
            if not listener.loop.is_closed():
                listener.loop.call_soon_threadsafe(listener.call)

    def replicas(self, deployment: str) -> tuple[Replica, ...]:
        """The running replicas, sorted by id."""
        return self._replicas.get(deployment, ())

    def deployments(self) -> list[str]:
        """The known deployments, sorted."""
        return sorted(self._replicas)

    def listen(self, call: Callable[[], None]) -> None:
        """Calls `call` in the running event loop after every change."""
        with self._lock:
            self._listeners.append(_Listener(asyncio.get_running_loop(), call))


DIRECTORY = Directory()


GATEWAY = "gateway"
ENCODER = "encoder"
ROUTER = "router"
INDEX = "index"
RERANKER = "reranker"
CHECKER = "checker"
CLASSIFIER = "classifier"
GENERATOR = "generator"
RECOGNISER = "recogniser"
OPERATIONS = "operations"


def encoder(space: str) -> str:
    """The deployment that encodes into a space."""
    return f"{ENCODER}:{space}"


def checker(name: str) -> str:
    """The deployment of a checker of the user's own."""
    return f"{CHECKER}:{name}"


def kind(target: str) -> str:
    """The service of a deployment, which all encoders have in common, and all checkers."""
    return target.partition(":")[0]
