"""Connections: which one takes a call, without knowing whether it blocks or is awaited."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from tieback_client.rpc import ContractRpc

LOAD_KEY = "tieback-load"


class Line:
    """One channel to one address, with its callables made once."""

    patient = True
    """Whether a call may wait for the connection to come back."""

    def __init__(self, address: str, channel: Any) -> None:
        self.address = address
        self.channel = channel
        self._callables: dict[str, Any] = {}

    def callable(self, rpc: ContractRpc) -> Any:
        """What calls an RPC on this channel."""
        found = self._callables.get(rpc.path)
        if found is None:
            made = getattr(self.channel, rpc.kind)(
                rpc.path,
                request_serializer=rpc.request.SerializeToString,
                response_deserializer=rpc.response.FromString,
            )
            found = self._callables.setdefault(rpc.path, made)
        return found

    def observe(self, metadata: Mapping[str, str]) -> None:
        """Takes in what came along with an answer."""


class LineReplica(Line):
    """A line to one replica of a service, beside the server's own."""

    patient = False

    def __init__(self, address: str, channel: Any) -> None:
        super().__init__(address, channel)
        self.ready = False
        """Whether it was connected, so that it can be asked."""
        self.listed = True
        """Whether it is still in a list."""
        self.outstanding = 0
        """Tokens of this client's own calls that run there, about."""
        self.queued_tokens = 0
        """The waiting tokens in its last report."""
        self.tokens_per_second = 0.0
        """The rate that it measured; 0 before any was."""

    def observe(self, metadata: Mapping[str, str]) -> None:
        """Reads the load in a response: waiting tokens, and tokens per second."""
        with contextlib.suppress(ValueError):
            tokens, rate, *_ = metadata.get(LOAD_KEY, "").split(" ")
            self.queued_tokens, self.tokens_per_second = int(tokens), float(rate)


class LinePool:
    """The lines to the server, taken in turn."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self._turns = itertools.cycle(lines)

    def next(self) -> Line:
        """The line whose turn it is."""
        return next(self._turns)
