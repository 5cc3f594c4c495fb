"""The Python on snapshots in docs/operations.md runs as it stands, against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.pages import blocks, section
from support.small_library import small_library
from tieback_client import Client, Item

BLOCKS = blocks(section("operations.md", "Snapshots and backups"))


def test_the_blocks_of_the_page_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with small_library(tmp_path / "library") as address, Client(address) as client:
        for block in BLOCKS:
            exec(compile(block, "operations.md", "exec"), {"client": client, "Item": Item})

        assert [one.id for one in client.items("notes")] == ["bread", "tides"]
        assert list(client.snapshots()) == []

    assert len(BLOCKS) == 1
    assert capsys.readouterr().out == "2\n"
