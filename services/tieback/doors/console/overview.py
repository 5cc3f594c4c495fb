"""What there is: collections, operations, services, and how loaded they are."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, TiebackError, VerdictLabel
from tieback_client.jsonable import jsonable
from tieback_client.shown import MARKS
from tieback_contract.query import OPTIONS

from tieback.doors.caller import time_of
from tieback.doors.http.operation import DoorOperation
from tieback.doors.http.query_options import shown_options

SECONDS = 10.0
FAMILIES = {"decoding", *(one.family for one in OPTIONS)}
"""Families of methods that a question can name."""
MOST_COLLECTIONS, MOST_OPERATIONS = 1000, 100
VOTES = (VerdictLabel.SUPPORTED, VerdictLabel.CONTRADICTED, VerdictLabel.UNSUPPORTED)
"""Verdicts that a person may give on a claim."""
_SUMMED = {
    "tieback_queued_tokens": "queued_tokens",
    "tieback_active_items": "active_items",
    "tieback_tokens_per_second": "tokens_per_second",
}
"""Gauges by service and space, and what they are called here."""


def overview(client: AsyncClient, *, votes: bool) -> DoorOperation:
    """The caller, its collections and operations, and what the console may offer."""

    async def handle(_: Request) -> Response:
        usage = await client.usage(timeout=time_of(SECONDS))
        collections: list[Any] = []
        async for one in client.collections():
            collections.append(jsonable(one))
            if len(collections) == MOST_COLLECTIONS:
                break
        methods = await client.methods(timeout=time_of(SECONDS))
        offered = {
            one.family: [each.name for each in methods if each.family == one.family]
            for one in methods
            if one.family in FAMILIES
        }
        return JSONResponse(
            {
                "caller": jsonable(usage),
                "collections": collections,
                "operations": await _operations(client),
                "methods": offered,
                "options": shown_options(),
                "votes": [{"label": one, **jsonable(MARKS[one])} for one in VOTES] if votes else False,
            }
        )

    return DoorOperation("console.overview", handle)


def services(client: AsyncClient, registry: CollectorRegistry | None) -> DoorOperation:
    """The services as the platform describes them, and their load as this process counts it."""

    async def handle(_: Request) -> Response:
        info = await client.server_info(timeout=time_of(SECONDS))
        return JSONResponse(
            {
                "version": info.version,
                "services": jsonable(info.services),
                "styles": jsonable(info.styles),
                "spaces": jsonable(await client.spaces(timeout=time_of(SECONDS))),
                "load": {} if registry is None else load(registry),
            }
        )

    return DoorOperation("console.services", handle)


def load(registry: CollectorRegistry) -> dict[str, Any]:
    """By service and space what waits, by service of the contract what runs, was called and was refused."""
    spaces: dict[str, dict[str, float]] = defaultdict(dict)
    calls: dict[str, dict[str, float]] = defaultdict(lambda: {"in_flight": 0.0, "calls": 0.0, "failed": 0.0})
    rejections: dict[str, dict[str, float]] = defaultdict(dict)
    for metric in registry.collect():
        for name, labels, value, *_ in metric.samples:
            if name in _SUMMED:
                spaces[_joined(labels)][_SUMMED[name]] = value
            elif name == "tieback_in_flight":
                calls[labels["service"]]["in_flight"] += value
            elif name == "tieback_requests_total":
                calls[labels["service"]]["calls"] += value
                calls[labels["service"]]["failed"] += value if labels["code"] != "OK" else 0.0
            elif name == "tieback_rejections_total":
                rejections[labels["service"]][labels["reason"]] = value
    return {"spaces": spaces, "calls": calls, "rejections": rejections}


def _joined(labels: dict[str, str]) -> str:
    return ":".join(filter(None, (labels["service"], labels["space"])))


async def _operations(client: AsyncClient) -> list[Any]:
    """The latest; none where the token may not see them, or the server runs none."""
    found: list[Any] = []
    try:
        async for one in client.operations():
            found.append(jsonable(one))
            if len(found) == MOST_OPERATIONS:
                break
    except TiebackError as error:
        if error.code not in ("PERMISSION_DENIED", "UNIMPLEMENTED"):
            raise
    return found
