"""Servers that a load is put on: one process, Ray Serve, or one that runs at an address."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tieback_client import Client, Item

from benchmarks.generation.library import PAGES
from benchmarks.load.mix import DOCS, WRITTEN, Mix
from benchmarks.served import NO_GENERATOR, UNCACHED, served
from benchmarks.tenants import token_of, write_tokens

LOCAL, RAY = "local", "ray"
TITLES = {LOCAL: "tieback, local", RAY: "tieback on Ray Serve"}
QUIET, GREEDY = "quiet", "greedy"
TENANTS = (QUIET, GREEDY)
SEARCHED = "architecture", "deployment", "operations", "search", "security"
"""The pages of docs/ that are searched."""


@dataclass(frozen=True)
class Place:
    """A server under load; tokens are of the tenants, the quiet one first."""

    side: str
    address: str
    metrics: str
    tokens: Sequence[str | None]

    @property
    def title(self) -> str:
        """Its name in claims."""
        return TITLES.get(self.side, "the server at an address")

    def client(self, token: str | None) -> Client:
        """A client of a tenant."""
        return Client(self.address, token=token)


@contextlib.contextmanager
def placed(
    side: str, space: str, mix: Mix, *, metrics: str, tokens: Sequence[str], most_replicas: int
) -> Iterator[Place]:
    """A server with the collections of all tenants; one at an address keeps them no longer than that.

    Nothing is cached, so that each call is work. StartError where it does not start.
    """
    with contextlib.ExitStack() as running:
        if side in TITLES:
            folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
            settings = UNCACHED | {"TIEBACK_TOKENS": str(write_tokens(folder / "tokens", TENANTS))}
            if "generate" not in mix:
                settings |= NO_GENERATOR
            if most_replicas:
                settings |= {"TIEBACK_REPLICAS_MAX": str(most_replicas)}
            server = running.enter_context(served(local=side == LOCAL, spaces=[space], settings=settings))
            own = [token_of(tenant) for tenant in TENANTS]
            place = Place(side, server.address, server.metrics_address, own)
        else:
            place = Place(side, side, metrics, tokens or [None])
        for token in place.tokens:
            running.enter_context(_filled(place.client(token), space))
        yield place


@contextlib.contextmanager
def _filled(opened: Client, space: str) -> Iterator[None]:
    """The collections of a tenant, deleted at the end."""
    with opened as client:
        pages = [Item.from_file(PAGES / f"{name}.md", id=name) for name in SEARCHED]
        client.ingest(DOCS, pages, space=space).collect()
        client.create_collection(WRITTEN, space)
        try:
            yield
        finally:
            for name in (DOCS, WRITTEN):
                client.delete_collection(name)
