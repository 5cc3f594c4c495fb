"""A stream of items keeps its order where its requests overlap."""

from __future__ import annotations

from pathlib import Path

from support.small_library import small_library
from tieback_client import Client, Item
from tieback_client.messages.writing_items import sections


def test_of_items_with_one_id_in_a_stream_the_last_is_kept(tmp_path: Path) -> None:
    versions = [Item("same", f"version {number} of the words") for number in range(12)]

    with small_library(tmp_path) as address, Client(address) as client:
        client.ingest("ordered", versions, batch=1, in_flight=8).collect()

        [section] = sections(client.get("ordered", "same"))
        assert client.get_collection("ordered").item_count == 1

    assert "version 11" in str(section)
