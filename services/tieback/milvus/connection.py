"""Calls to Milvus: one client for all threads, a time for each call, and errors with the way out.

pymilvus is imported here alone, and only once a server is told to use Milvus.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import DeadlineExceeded, Overloaded, StartupError, StorageFull, Unavailable
from tieback.core.imports import keeping_logs

log = logging.getLogger(__name__)

CALL_SECONDS = 30.0
"""The longest that a call may take, whatever its caller's deadline."""
CONNECT_SECONDS = 5.0
_LITE_ROWS = 250
OPTIONS = {
    # A Milvus that was away is found as soon as it is back; gRPC's own pause grows to two minutes, and it
    # waits twenty seconds for an address where nobody says anything.
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.min_reconnect_backoff_ms": 1_000,
    "grpc.max_reconnect_backoff_ms": 1_000,
    "grpc.dns_min_time_between_resolutions_ms": 1_000,  # a pod is back at another address; gRPC's are 30 s
    "grpc.keepalive_timeout_ms": 3_000,  # until bytes are acknowledged, as behind a cut cable
}
"""Of its channel, in place of pymilvus's."""

AWAY = (
    "the index cannot reach its store, Milvus; encoding, reranking, generation and grounding are served, "
    "and the index is again once the store is back"
)
SLOW = "Milvus, the store of the index, did not answer in time; try again"

_COLLECTION_NOT_FOUND, _NOT_LOADED = 100, 101
_RATE_LIMIT, _FORCE_DENY = 8, 9  # too many calls; a quota of memory or disk
_UNSEEN = frozenset({"UNAVAILABLE", "CANCELLED", "UNAUTHENTICATED", "PERMISSION_DENIED"})

Observer = Callable[[str, float, str], None]
"""Is told of each call: its name, its seconds, and "" or why it failed, in one word."""


class MissingCollection(Exception):  # noqa: N818 - caught where the collection's name is known
    """Milvus has no such collection: another process removed it."""


def _unobserved(_method: str, _seconds: float, _failure: str) -> None:
    """For whom nothing is counted."""


class Milvus:
    """A Milvus server at an address, or Milvus Lite in this process on a folder. May be used from any thread.

    It connects at its first call, and again after it was away.
    """

    def __init__(self, address: str, token: str = "", *, observe: Observer = _unobserved) -> None:
        """StartupError where the packages are missing, or the address is none."""
        self._address, self._token, self._observe = address, token, observe
        self._lock = threading.Lock()
        self._client: Any = None
        self._is_lite: bool | None = None
        self._unsorted: Counter[str] = Counter()  # rows by collection that Milvus Lite has no index of
        self._folder: str | None = None
        try:
            with keeping_logs():
                from pymilvus import MilvusClient
        except ImportError:
            raise StartupError(
                "TIEBACK_MILVUS needs the package pymilvus: pip install 'tieback[milvus]'"
            ) from None
        self._make = MilvusClient
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL)  # what fails is said here, once
        if "://" not in address:
            self._folder = str(Path(address).expanduser().absolute())
            self._address = _lite(self._folder)

    def call(self, method: str, *arguments: Any, deadline: Deadline = NO_DEADLINE, **named: Any) -> Any:
        """Calls a method of pymilvus's client; loads the collection first where it is not loaded.

        DeadlineExceeded, Unavailable, Overloaded or StorageFull where the call fails, MissingCollection
        where its collection is gone.
        """
        deadline.check("Milvus was asked")
        begin, failure = time.perf_counter(), ""
        try:
            try:
                return self._call(method, arguments, deadline, named)
            except Exception as error:
                if getattr(error, "code", None) != _NOT_LOADED:
                    raise
                self._call("load_collection", arguments[:1], deadline, {})
                return self._call(method, arguments, deadline, named)
        except Exception as error:
            failure, told = _told(error, deadline)
            if failure == "error":
                log.exception("Milvus refused %s", method)
            elif failure not in ("missing", "away"):  # of which a server tells once, not for each call
                log.warning("Milvus: %s failed: %s", method, failure)
            raise told from None
        finally:
            self._observe(method, time.perf_counter() - begin, failure)

    def written(self, collection: str, rows: int) -> None:
        """Has Milvus Lite make an index of what was written, once that is enough rows.

        Until then it compares all of them one by one, in Python: a search took 6 s of 4,000 sections that
        were written, and 0.5 s once they were flushed. Milvus does this by itself.
        """
        if self._is_lite is None:
            self._is_lite = "lite" in str(self.call("get_server_version"))
        with self._lock:
            self._unsorted[collection] += rows
            is_much = self._is_lite and self._unsorted[collection] >= _LITE_ROWS
            if is_much or not self._is_lite:
                del self._unsorted[collection]
        if is_much:
            self.call("flush", collection)

    def close(self) -> None:
        """Ends the connection, and Milvus Lite in this process."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()
        if self._folder is not None:
            from milvus_lite.server_manager import server_manager_instance

            server_manager_instance.release_server(self._folder)

    def _call(
        self, method: str, arguments: tuple[Any, ...], deadline: Deadline, named: dict[str, Any]
    ) -> Any:
        timeout = min(CALL_SECONDS, max(deadline.remaining(), 0.001))
        return getattr(self._connected(timeout), method)(*arguments, timeout=timeout, **named)

    def _connected(self, timeout: float) -> Any:
        with self._lock:
            if self._client is None:
                client = self._make(
                    uri=self._address,
                    token=self._token,
                    timeout=min(CONNECT_SECONDS, timeout),
                    dedicated=True,
                    grpc_options=OPTIONS,
                )
                # pymilvus calls this when a call has failed, and then tries again until the timeout has
                # passed. Raising ends that: callers of an index that is away are told at once.
                client._get_connection()._on_rpc_error = _raise
                self._client = client
            return self._client


def _raise(error: Exception) -> None:
    raise error


def _lite(folder: str) -> str:
    """The address of Milvus Lite on a folder, started in this process. StartupError where it cannot be."""
    try:
        from milvus_lite.server_manager import server_manager_instance
    except ImportError:
        raise StartupError(
            "TIEBACK_MILVUS is a folder, which needs Milvus Lite: pip install 'tieback[milvus]'; or give the "
            "address of a server, http://HOST:19530"
        ) from None
    logging.getLogger("milvus_lite").setLevel(logging.CRITICAL)
    address = server_manager_instance.start_and_get_uri(folder)
    if not address:
        raise StartupError(
            f"TIEBACK_MILVUS: Milvus Lite cannot use {folder}: another process has it open, it is no folder "
            "of Milvus Lite, or it cannot be written"
        )
    return str(address)


def _told(error: Exception, deadline: Deadline) -> tuple[str, Exception]:
    """Why a call failed, in one word, and the error for the caller."""
    code = getattr(error, "code", None)
    status = getattr(code() if callable(code) else code, "name", "")
    if code == _COLLECTION_NOT_FOUND:
        return "missing", MissingCollection()
    if status == "DEADLINE_EXCEEDED":
        if deadline.remaining() <= 0.05:
            return "deadline", DeadlineExceeded("the deadline passed while Milvus was asked")
        return "slow", Unavailable(SLOW)
    if code == _FORCE_DENY:
        return "full", StorageFull(
            "Milvus, the store of the index, takes no more: its quota of memory or disk is used up"
        )
    if code == _RATE_LIMIT or status == "RESOURCE_EXHAUSTED":
        return "overloaded", Overloaded("Milvus, the store of the index, is overloaded", retry_after=1.0)
    message = str(getattr(error, "message", ""))
    if status in _UNSEEN or "Fail connecting" in message or "closed channel" in str(error):
        return "away", Unavailable(AWAY)
    return "error", Unavailable(
        "Milvus, the store of the index, could not do this; the server's log says why"
    )
