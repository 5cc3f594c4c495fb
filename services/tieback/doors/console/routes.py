"""The paths of the console."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from tieback_client import AsyncClient

from tieback.doors.console import asking, originals, overview
from tieback.doors.console.asking import KeptReplies
from tieback.doors.console.votes import Votes, votes
from tieback.doors.http.operation import DoorOperation

API = "/console/api"


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """What the console shows and keeps."""

    registry: CollectorRegistry | None = None
    """The metrics of the process, of which the load of services is read."""
    votes: Path | None = None
    """The folder of votes; None: there are none."""


def routes(client: AsyncClient, options: ConsoleOptions) -> Sequence[Route]:
    """All of them."""
    kept = KeptReplies()
    stored = None if options.votes is None else Votes(options.votes)
    return [
        Route("/", moved(), methods=["GET"]),
        Route("/console", moved(), methods=["GET"]),
        Route("/console/", file("console.html"), methods=["GET"]),
        Route(f"{API}/search", asking.search(client, kept), methods=["POST"]),
        Route(f"{API}/ask", asking.ask(client, kept), methods=["POST"]),
        Route(f"{API}/requests/{{id}}", kept.operation(client), methods=["GET"]),
        Route(f"{API}/overview", overview.overview(client, votes=stored is not None), methods=["GET"]),
        Route(f"{API}/services", overview.services(client, options.registry), methods=["GET"]),
        Route(f"{API}/original", originals.original(client), methods=["GET"]),
        Route(f"{API}/passage", originals.passage(client), methods=["GET"]),
        Route(f"{API}/votes", votes(client, stored), methods=["POST"]),
        Route("/console/{name}", files(), methods=["GET"]),
    ]


TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS: Mapping[str, str] = {
    # Scripts, styles and calls of this host alone, and none within the markup: a stored text would not run
    # even where it became a part of the page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob:; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


def moved() -> DoorOperation:
    """To the path by which the page's files are found."""

    async def handle(_: Request) -> Response:
        return RedirectResponse("/console/", status_code=307)  # not for ever: the console may be turned off

    return DoorOperation("console", handle)


def file(name: str) -> DoorOperation:
    """One file."""

    async def handle(request: Request) -> Response:
        return _served(request, name)

    return DoorOperation("console", handle)


def files() -> DoorOperation:
    """The file that the path names. Not found for every other name."""

    async def handle(request: Request) -> Response:
        return _served(request, str(request.path_params["name"]))

    return DoorOperation("console", handle)


def _read() -> dict[str, bytes]:
    folder = resources("tieback.doors.console") / "static"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in TYPES}


_FILES: dict[str, bytes] = {}


def _served(request: Request, name: str) -> Response:
    if not _FILES:
        _FILES.update(_read())
    content = _FILES.get(name)
    if content is None:
        raise HTTPException(404)
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**HEADERS, "etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[name.rpartition(".")[2]], headers=headers)
