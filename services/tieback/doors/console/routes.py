"""The paths of the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.routing import Route
from tieback_client import AsyncClient

from tieback.doors.console import asking, originals, overview, page
from tieback.doors.console.kept import KeptReplies
from tieback.doors.console.votes import Votes, votes

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
        Route("/", page.moved(), methods=["GET"]),
        Route("/console", page.moved(), methods=["GET"]),
        Route("/console/", page.file("console.html"), methods=["GET"]),
        Route(f"{API}/search", asking.search(client, kept), methods=["POST"]),
        Route(f"{API}/ask", asking.ask(client, kept), methods=["POST"]),
        Route(f"{API}/requests/{{id}}", kept.operation(client), methods=["GET"]),
        Route(f"{API}/overview", overview.overview(client, votes=stored is not None), methods=["GET"]),
        Route(f"{API}/services", overview.services(client, options.registry), methods=["GET"]),
        Route(f"{API}/original", originals.original(client), methods=["GET"]),
        Route(f"{API}/passage", originals.passage(client), methods=["GET"]),
        Route(f"{API}/votes", votes(client, stored), methods=["POST"]),
        Route("/console/{name}", page.files(), methods=["GET"]),
    ]
