"""Connections to a model that another server runs, with the token that it asks for.

The token is read again for each request, so that a renewed one is used, and is in no message and no log.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import unicodedata
from collections.abc import Collection
from pathlib import Path
from typing import Any

import aiohttp
from tieback_contract.field_path import at

from tieback.catalog.base_card import HttpEndpoint
from tieback.catalog.card import GeneratorCard
from tieback.core.errors import (
    EndpointMisconfigured,
    EndpointUnavailable,
    InvalidInput,
    Overloaded,
    StartupError,
    TiebackError,
    Unavailable,
)

LARGEST_LINE = 1 << 20
LARGEST_TOKEN = 8192


class EndpointConnection:
    """Connections that are kept, of the model `name`. For one event loop. StartupError without its token."""

    def __init__(self, name: str, options: HttpEndpoint, *, accepts: str, hint: str = "") -> None:
        self.made = 0
        """Connections that were made: behind a new one may be another server than before."""
        self._name = name
        self._options = options
        self._accepts = accepts
        self._hint = hint
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
        error = EndpointUnavailable(f"the endpoint of {self._name} {what}")
        error.hint = self._hint or error.hint
        return error

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
            tracing = aiohttp.TraceConfig()
            tracing.on_connection_create_end.append(self._count)
            self._session = aiohttp.ClientSession(
                trace_configs=[tracing],
                timeout=aiohttp.ClientTimeout(
                    total=None, connect=options.connect_seconds, sock_read=options.silent_seconds
                ),
                connector=aiohttp.TCPConnector(ssl=self._ssl, limit=0),
                read_bufsize=LARGEST_LINE,
            )
        return self._session

    def _headers(self) -> dict[str, str]:
        header, token = self._options.token_header, self.token()
        sent = f"Bearer {token}" if header.lower() == "authorization" else token
        return {"Accept": self._accepts} | ({header: sent} if token else {})

    async def _count(self, *_: object) -> None:
        self.made += 1


def _trusted(certificates: str, name: str) -> ssl.SSLContext | bool:
    if not certificates:
        return True
    try:
        return ssl.create_default_context(cafile=str(Path(certificates).expanduser()))
    except (OSError, ssl.SSLError):
        raise StartupError(f"the certificates of the card {name} cannot be read") from None


# Read what an endpoint says where it does not answer, as an error of ours with its message.
#
# The message is another server's text: one short line of it is passed on, without control characters,
# tokens and paths.
LONGEST = 300
"""Characters of an endpoint's message that are passed on."""

READ = 4096
COME_BACK = (502, 503, 504)
CONTEXT = ("context", "too long", "too many tokens")
HIDDEN = re.compile(
    r"\b(?:sk|pk)-\S+|\b(?:bearer|api[_ -]?key)\b[:= ]+\S+|\b[a-z0-9_+=]{32,}|(?<![\w.:/])/[\w.-]+/[\w./-]+",
    re.IGNORECASE,
)
"""Text that may be a key, and text that may be a path."""

SAMPLING = {
    "logprobs": "log_probabilities",
    "top_logprobs": "log_probabilities",
    "response_format": "grammar",
}
"""Fields of ours by the names of theirs, where these differ."""


def refusal(
    card: GeneratorCard, status: int, body: bytes, *, given: Collection[str], token: str, retry_after: float
) -> TiebackError:
    """The error of a status that is not 200; `given` are the fields that the caller's sampling has sent."""
    name, said = card.name, told(body, token)
    words = f": {said}" if said else ""
    if status in (400, 404, 413, 422):
        folded = said.lower()
        if status == 413 or any(one in folded for one in CONTEXT):
            return InvalidInput(
                f"prompt and answer are longer than {name} reads, which are {card.context_tokens} tokens by "
                f"its card; ask in fewer words or lower max_tokens{words}",
                field="prompt",
                reason="PROMPT_TOO_LONG",
            )
        named = [one for one in given if re.search(rf"\b{one}\b", folded)]
        if named and status != 404:
            field = at("sampling", SAMPLING.get(named[0], named[0]))
            return InvalidInput(f"the endpoint of {name} refuses it{words}", field=field)
        return EndpointMisconfigured(
            f"the endpoint of {name} refuses what this server sends (status {status}){words}; correct model, "
            "dialect or base_url of its card"
        )
    if status == 429:
        return Overloaded(f"the endpoint of {name} is busy", retry_after=retry_after)
    if status in (401, 403):
        return EndpointUnavailable(f"the endpoint of {name} refuses this server's token")
    what = "is away" if status in COME_BACK else f"answers with the status {status}"
    return EndpointUnavailable(f"the endpoint of {name} {what}")


def told(body: bytes, token: str) -> str:
    """The message of an error's body: OpenAI's `error.message`, FastAPI's `detail`, or the text itself."""
    text = body.decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = text
    for key in ("error", "message", "detail"):
        if isinstance(found, dict) and key in found:
            found = found[key]
    words = found if isinstance(found, str) else json.dumps(found)
    if token:
        words = words.replace(token, "…")
    shown = "".join(one if unicodedata.category(one)[0] != "C" else " " for one in words[:READ])
    line = HIDDEN.sub("…", " ".join(shown.split()))
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"
