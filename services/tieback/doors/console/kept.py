"""What was answered lately, so that a link with a request id leads to it.

It is kept in memory, as the lines that were sent, for whoever shows the same token again.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from starlette.requests import Request
from starlette.responses import Response
from tieback_client import AsyncClient

from tieback.doors.caller import CALLER, time_of
from tieback.doors.http.errors import Refused
from tieback.doors.http.operation import DoorOperation

MOST_BYTES, MOST_ENTRY = 32 << 20, 4 << 20
SECONDS = 10.0
LINES = "application/x-ndjson"


class KeptReplies:
    """The latest replies of one process, oldest first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[bytes, str], bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, lines: bytes) -> None:
        """Keeps what the running request was answered, in place of the oldest; nothing very large."""
        if len(lines) > MOST_ENTRY:
            return
        key = _key(CALLER.get().request_id)
        self._bytes += len(lines) - len(self._entries.pop(key, b""))
        self._entries[key] = lines
        while self._bytes > MOST_BYTES:
            self._bytes -= len(self._entries.popitem(last=False)[1])

    def operation(self, client: AsyncClient) -> DoorOperation:
        """Gives a reply to whoever has the token of the request that it answered."""

        async def handle(request: Request) -> Response:
            await client.server_info(timeout=time_of(SECONDS))  # the platform says whether the token is one
            found = self._entries.get(_key(str(request.path_params["id"])))
            if found is None:
                raise Refused(
                    404, "REQUEST_NOT_FOUND", "this request is not kept any more, or was another token's"
                )
            return Response(found, media_type=LINES)

        return DoorOperation("console.request", handle)


def _key(request_id: str) -> tuple[bytes, str]:
    token = CALLER.get().metadata.get("authorization", "")
    return hashlib.sha256(token.encode()).digest(), request_id
