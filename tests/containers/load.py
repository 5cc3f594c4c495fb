"""Calls of the SDK that go on while things are lost, and what became of them and of what they wrote."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tieback_client import Client, Health, Item, TiebackError

from benchmarks.report import Row
from benchmarks.rolling.load import COLLECTION, Load, Outcome, kinds, summary

KEPT = "kept"
"""The collection whose acknowledged items are looked for after each event."""
KEPT_WRITES, STREAM = "kept writes", "EncodeStream"
IN_MILVUS = ("Retrieve", "IngestItems", KEPT_WRITES)
"""Calls that ask Milvus, where collections are there."""
_STREAMED = 100
SPACES = ("wordllama-256", "paraphrase-minilm-l3-v2")
"""Light ones, of which the second also reranks."""


@dataclass
class Calls:
    """Callers of a platform at an address, and the items whose writing was acknowledged."""

    address: str
    operations: bool
    rate: float
    options: Mapping[str, Any] = field(default_factory=dict)
    """More keyword arguments of the clients."""
    acknowledged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        asks = kinds(*SPACES) | {KEPT_WRITES: self._write, STREAM: _stream}
        if not self.operations:
            del asks["ListOperations"]
        self._load = Load(self.address, asks, callers=2, rate=self.rate / 2, options=self.options)

    @contextmanager
    def running(self) -> Iterator[Calls]:
        """Calls until the block is left."""
        with self._client() as client:
            client.ingest(COLLECTION, [Item("first", ["The moon pulls the sea."])]).collect()
        with self._load.running():
            yield self

    def _client(self) -> Client:
        return Client(self.address, timeout=60, **self.options)

    def _write(self, client: Client) -> None:
        key = secrets.token_hex(8)
        for error in client.ingest(KEPT, [Item(key, [f"the {key} sea rises"])]).collect().errors.values():
            raise error
        self.acknowledged.append(key)

    def there(self) -> set[str]:
        """The kept items that the platform has now."""
        with self._client() as client:
            return {one.id for one in client.items(KEPT)}

    @property
    def outcomes(self) -> list[Outcome]:
        """All calls that have ended."""
        return self._load.outcomes

    def unanswered(self, since: float) -> set[str]:
        """The kinds of calls of which none that began since a time was answered well."""
        good = {one.kind for one in list(self.outcomes) if one.begun >= since and not one.error}
        return set(self._load.asks) - good

    def during(self, begun: float, ended: float, back: Mapping[str, float]) -> tuple[list[Row], list[Row]]:
        """Count the calls in a span of time by kind, and list why some of them failed.

        Silence counts from the time on at which a kind is `back`, where it had to be away.
        """
        outcomes = list(self.outcomes)
        rows: list[Row] = []
        for kind in self._load.asks:
            those = [one for one in outcomes if one.kind == kind]
            counted = summary(those, begun, ended)
            if kind in back:
                counted["silence_s"] = summary(those, back[kind], ended)["silence_s"]
            rows.append({"call": kind, **counted})
        failed = [one for one in outcomes if one.error and one.ended >= begun and one.begun < ended]
        why: list[Row] = [
            {"call": one.kind, "at_s": one.begun - begun, "took_s": one.ended - one.begun, "error": one.error}
            for one in failed[:20]
        ]
        return rows, why


def _stream(client: Client) -> None:
    texts = (f"text {number} {secrets.token_hex(4)}" for number in range(_STREAMED))
    came = 0
    for one in client.encode_stream(texts, space=SPACES[0]):
        if isinstance(one, TiebackError):
            raise one
        came += 1
    if came != _STREAMED:
        raise TiebackError(f"{came} of {_STREAMED} came")


@dataclass(frozen=True, slots=True)
class Unbroken:
    """A long call without retries: when it ended, and what went wrong."""

    seconds: float
    error: str


def unbroken(address: str, space: str, texts: int) -> Unbroken:
    """Encodes so many texts in one call that is not repeated."""
    begun, error = time.monotonic(), ""
    with Client(address, timeout=60, retry=None) as client:
        try:
            said = (" ".join(secrets.token_hex(2) for _ in range(60)) for _ in range(texts))
            came = list(client.encode_stream(said, space=space, truncate=True))
            failed = [one for one in came if isinstance(one, TiebackError)]
            error = "" if not failed else f"{len(failed)} of {texts} failed: {failed[0].message}"
        except TiebackError as raised:
            error = f"{type(raised).__name__}: {raised.message}"
    return Unbroken(time.monotonic() - begun, error)


def until_connected(host: str, port: int, seconds: float = 120.0) -> float:
    """When something took a connection at an address; TimeoutError where nothing does in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((host, port), 1.0):
            return time.monotonic()
        time.sleep(0.1)
    raise TimeoutError(f"nothing took a connection at {host}:{port} within {seconds:.0f} s")


def wait_until_serving(address: str, seconds: float) -> float:
    """The seconds until a platform says that it serves; TimeoutError where it does not in time."""
    begun = time.monotonic()
    quick = {"grpc.min_reconnect_backoff_ms": 100, "grpc.max_reconnect_backoff_ms": 500}
    with Client(address, retry=None, channel_options=quick) as client:
        while time.monotonic() - begun < seconds:
            with suppress(TiebackError):
                if client.health(timeout=2.0) is Health.SERVING:
                    return time.monotonic() - begun
            time.sleep(0.2)
    raise TimeoutError(f"{address} did not serve within {seconds:.0f} s")
