"""Targets of a load: anything that turns texts into vectors, over whichever wire it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Request: TypeAlias = tuple[Any, ...]
"""The items of one request: texts, or encoded pictures where the target takes them."""


class Rejected(Exception):  # noqa: N818 - what happened to the request, not a fault
    """The server shed the request. `retry_after` is when it asked to be called again, in seconds."""

    def __init__(self, message: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Late(Exception):  # noqa: N818 - as above
    """The request had no answer by its own deadline."""


class Target(Protocol):
    """One way to reach one server. Made where the server is started, opened in the load's own process."""

    async def open(self) -> None:
        """Connects. Called in the event loop that calls `encode`."""

    async def close(self) -> None:
        """Hangs up."""

    async def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The texts' vectors, [n, width]. Rejected where the server sheds; all else raised is a failure."""
