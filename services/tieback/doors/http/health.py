"""``GET /healthz`` and ``GET /readyz``, for whoever watches and balances. They need no token."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, Health, TiebackError

from tieback.doors.http.errors import RETRY_SECONDS, Refused
from tieback.doors.http.operation import DoorOperation

SECONDS = 2.0


def alive() -> DoorOperation:
    """Whether this process answers."""

    async def handle(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    return DoorOperation("health", handle)


def ready(client: AsyncClient, is_ending: Callable[[], bool]) -> DoorOperation:
    """Tell if requests are taken, and the platform, or the service that the query names, can work on them."""

    async def handle(request: Request) -> Response:
        if is_ending():
            raise Refused(503, "ENDING", "the server ends", retry=RETRY_SECONDS)
        try:
            state = await client.health(request.query_params.get("service", ""), timeout=SECONDS)
        except TiebackError:
            state = Health.UNKNOWN
        if state is not Health.SERVING:
            raise Refused(503, "PLATFORM_UNAVAILABLE", "the platform is not ready", retry=RETRY_SECONDS)
        return JSONResponse({"status": "ready"})

    return DoorOperation("health", handle)
