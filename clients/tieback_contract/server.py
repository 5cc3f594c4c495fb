"""A server's services, and the replicas that clients may ask themselves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A service's state."""

    name: str
    """For instance ``"encoder:all-minilm-l6-v2"``."""
    ready: bool
    """Whether it can be asked now."""
    replicas: int = 1
    """How many replicas serve it."""
    detail: str = ""
    """Why the endpoint of a language model (``"endpoint:NAME"``) cannot be asked."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A replica."""

    address: str
    """HOST:PORT."""
    queued_tokens: int = 0
    """The waiting tokens in its last report."""
    tokens_per_second: float = 0.0
    """Its measured rate; 0 where none was measured."""
