"""A platform with two tenants, texts and a photo, for the console."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.console import ADMIN, READER, SCRIPT, STRANGER, photo
from support.local_platform import Running, served_locally
from support.tenants import write_tokens
from tieback.serving.settings import Settings
from tieback_client import Client, Image, Item

TEXT, PHOTO = "all-minilm-l6-v2", "efficientnet-lite0"


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("votes")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory, votes: Path) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("console")
    tenants = {"acme": {ADMIN: "admin", READER: "read"}, "globex": {STRANGER: "read"}}
    settings = Settings(
        store=folder / "store", port=0, http_port=0, metrics_port=None, votes=votes, drain_seconds=1,
        tokens=write_tokens(folder / "tokens", tenants), spaces=(TEXT, PHOTO), binding="none",
        generator="none", originals_bytes=1 << 20,
    )  # fmt: skip
    with served_locally(settings) as running:
        with Client(running.address, token=ADMIN, timeout=60) as client:
            notes = [
                Item("tides", "The moon pulls the sea. The tide is highest at noon in Brest.", title="Tides"),
                Item(
                    "bread", "Bread is made of flour, water and salt.", title=SCRIPT, metadata={"by": SCRIPT}
                ),
                Item(
                    "cats", f"Cats sleep all day. {SCRIPT} And \u202eyad lla\u202c they purr.", title="Cats"
                ),
            ]
            client.ingest("notes", notes, space=TEXT).collect()
            client.ingest("album", [Item("sea.jpg", Image(photo()), title="The sea")], space=PHOTO).collect()
        yield running
