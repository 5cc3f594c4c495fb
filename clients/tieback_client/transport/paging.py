"""Lists that come in pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tieback_client.transport.rpc import Procedure

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page."""

    entries: Sequence[T]
    """What it holds."""
    next_token: str
    """Asks for the next one; empty on the last."""


@dataclass(frozen=True, slots=True)
class Pages(Generic[T]):
    """A list to be read page by page."""

    fetch: Callable[[str], Procedure[Page[T]]]
    """The procedure that reads the page of a token."""
