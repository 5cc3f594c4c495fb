"""Whole servers are killed at random points, and what they acknowledged is there; a loss would be seen."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.local_platform import served_locally
from tieback.serving.settings import Settings
from tieback_client import Client

from benchmarks.acknowledged_writes import SPACE, WIDTH, Births, Faults, Lane, made, upsert
from benchmarks.kills import killed

pytestmark = pytest.mark.all


def test_servers_that_are_killed_at_random_points_lose_nothing_that_they_acknowledged(tmp_path: Path) -> None:
    kinds = ["writing", "pausing", "starting", "writing", "pausing", "writing"]

    report = killed(tmp_path, kinds, seed=3)

    assert [(claim.name, claim.value, claim.note) for claim in report.claims if not claim.met] == []
    assert report.claims[0].value == len(kinds)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """Of a server whose index has the collection "docs"."""
    settings = Settings(
        store=tmp_path / "store",
        spaces=("wordllama-256",),
        generator="none",
        port=0,
        metrics_port=None,
    )
    with served_locally(settings) as server, Client(server.address) as client:
        client.create_collection("docs", SPACE, width=WIDTH)
        yield client


def test_what_a_server_did_not_keep_is_found_out(client: Client) -> None:
    lane, births = Lane("docs", "l0", random.Random(0)), Births(random.Random(0))
    stop = threading.Event()
    stop.set()
    lane.run(client, stop)  # nothing, for it is stopped
    for name in ("l0-0", "l0-1", "l0-2"):
        upsert(client, "docs", [made(name, 1, 3)])
        lane.acknowledged[name] = 1
    births.there = {"born-1": True}

    kept = Faults()
    lane.check(client, kept)
    client.delete("docs", "l0-0")
    torn = made("l0-1", 1, 3)
    assert isinstance(torn.sections, list)
    upsert(client, "docs", [replace(torn, sections=torn.sections[:2])])
    lane.acknowledged["l0-2"], lane.pending = 2, {"l0-2": 3, "l0-0": 4}
    found = Faults()
    lane.check(client, found)
    births.check(client, found)

    assert (kept.lost, kept.half) == (0, 0)
    assert found.lost == 2  # an item that went back, and a collection
    assert found.half >= 1
