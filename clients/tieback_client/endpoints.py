"""The replicas of a service that a client may ask without the server in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A replica."""

    address: str
    """HOST:PORT."""
    queued_tokens: int = 0
    """The waiting tokens in its last report."""
    tokens_per_second: float = 0.0
    """Its measured rate; 0 where none was measured."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The replicas of one service; none where the deployment offers none."""

    replicas: Sequence[Endpoint]
    """The replicas."""
    valid: float
    """For how many seconds to keep the list."""


def endpoints(message: Any) -> Endpoints:
    """The replicas as a server lists them."""
    replicas = [Endpoint(one.address, one.queued_tokens, one.tokens_per_second) for one in message.endpoints]
    return Endpoints(replicas, message.valid_ms / 1000)
