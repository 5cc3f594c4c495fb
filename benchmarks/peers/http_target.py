"""Shared parts of the targets that speak HTTP: one session of kept connections, JSON out, bytes back."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp

from benchmarks.load.target import Rejected

SHED = {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}


@dataclass
class HttpTarget:
    """One address that requests are posted to."""

    url: str
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)

    async def open(self) -> None:
        unlimited = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=unlimited, timeout=aiohttp.ClientTimeout(total=None))

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, body: dict[str, Any]) -> bytes:
        """The response's body. Rejected for 429 and 503; aiohttp.ClientError for other failures."""
        if self._session is None:
            raise RuntimeError("open() comes first")
        async with self._session.post(self.url, json=body) as response:
            if response.status in SHED:
                raise Rejected(await response.text(), retry_after=_seconds(response.headers))
            response.raise_for_status()
            return await response.read()


def _seconds(headers: Any) -> float | None:
    with contextlib.suppress(KeyError, ValueError):
        return float(headers["Retry-After"])
    return None
