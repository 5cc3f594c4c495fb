"""Connections to a model that another server runs, with the token that it asks for.

The token is read again for each request, so that a renewed one is used, and is in no message and no log.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any

import aiohttp

from tieback.catalog.weightless import HttpEndpoint
from tieback.core.errors import EndpointUnavailable, StartupError, Unavailable

LARGEST_LINE = 1 << 20
LARGEST_TOKEN = 8192


class EndpointConnection:
    """Connections that are kept, of the model `name`. For one event loop. StartupError without its token."""

    def __init__(self, name: str, options: HttpEndpoint, *, accepts: str) -> None:
        self._name = name
        self._options = options
        self._accepts = accepts
        self._url = options.base_url.rstrip("/")
        self._ssl = _trusted(options.certificates, name)
        self._session: aiohttp.ClientSession | None = None
        self.token()  # is there at the start

    async def get(self, path: str) -> aiohttp.ClientResponse:
        """Asks for what is there. Redirects are not followed: the token would go with them."""
        return await self._session_of_loop().get(
            f"{self._url}{path}", headers=self._headers(), allow_redirects=False
        )

    async def post(self, path: str, body: Any) -> aiohttp.ClientResponse:
        """Sends JSON."""
        return await self._session_of_loop().post(
            f"{self._url}{path}", json=body, headers=self._headers(), allow_redirects=False
        )

    def away(self, what: str) -> Unavailable:
        """The error of an endpoint that cannot be asked."""
        return EndpointUnavailable(f"the endpoint of {self._name} {what}")

    def token(self) -> str:
        """The token, or empty where none is needed. StartupError where there should be one."""
        options = self._options
        if options.token_variable:
            token = os.environ.get(options.token_variable, "")
            where = f"the environment variable {options.token_variable}"
        elif options.token_file:
            where = "its token_file"
            try:
                with Path(options.token_file).expanduser().open(encoding="utf-8") as file:
                    token = file.read(LARGEST_TOKEN)
            except (OSError, UnicodeDecodeError):
                token = ""
        else:
            return ""
        if not token.strip().isascii() or not token.strip().isprintable() or not token.strip():
            raise StartupError(f"the card {self._name} needs a token, and {where} holds none")
        return token.strip()

    async def close(self) -> None:
        """Closes the connections."""
        if self._session is not None:
            await self._session.close()

    def _session_of_loop(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self._options
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=options.connect_seconds, sock_read=options.silent_seconds
                ),
                connector=aiohttp.TCPConnector(ssl=self._ssl, limit=0),
                read_bufsize=LARGEST_LINE,
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        token = self.token()
        return {"Accept": self._accepts} | ({"Authorization": f"Bearer {token}"} if token else {})


def _trusted(certificates: str, name: str) -> ssl.SSLContext | bool:
    if not certificates:
        return True
    try:
        return ssl.create_default_context(cafile=str(Path(certificates).expanduser()))
    except (OSError, ssl.SSLError):
        raise StartupError(f"the certificates of the card {name} cannot be read") from None
