"""Snapshots from the SDK and from the command line."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from click.testing import CliRunner, Result
from support.command_line import Run, documents
from support.each import each
from support.small_library import small_library
from support.statuses import Failure
from tieback.v1 import index_pb2, index_pb2_grpc
from tieback_client import (
    AlreadyExists,
    AsyncClient,
    Client,
    FailedPrecondition,
    InvalidArgument,
    Item,
    NotFound,
)
from tieback_client.cli import app

NOTES = [Item("tides", "The moon pulls the sea."), Item("bread", "Bread is made from flour and water.")]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server with a collection "notes"."""
    with small_library(tmp_path_factory.mktemp("snapshots")) as address:
        with Client(address) as client:
            client.ingest("notes", NOTES).collect()
        yield address


@pytest.fixture
def real(library: str) -> Iterator[Client]:
    with Client(library) as client:
        yield client
        for one in client.snapshots():
            client.delete_snapshot(one.name)
        for collection in client.collections():
            if collection.name != "notes":
                client.delete_collection(collection.name)


def command(library: str, *words: str, **options: Any) -> Result:
    return CliRunner().invoke(app.tieback, words, env={"TIEBACK_SERVER": library}, **options)


def test_a_collection_is_kept_changed_and_brought_back(real: Client) -> None:
    made = real.snapshot("notes", "before")
    real.snapshot("notes", "other")
    known = real.get_collection("notes")

    assert (made.name, made.collection, made.item_count, made.width) == ("before", "notes", 2, known.width)
    assert made.space == known.space
    assert made.created is not None
    assert made.byte_count > 0
    assert [one.name for one in real.snapshots(page_size=1)] == ["before", "other"]
    restored = real.restore("before", "again")
    real.delete("again", "bread")
    third = real.restore("before", "third")

    assert (restored.name, restored.item_count) == ("again", 2)
    assert [one.id for one in real.items("again")] == ["tides"]
    assert [one.id for one in real.items("third")] == ["bread", "tides"]
    assert third.created == known.created
    found = [real.retrieve(name, "the moon and the sea").hits[0].hit for name in ("notes", "third")]
    assert found[0] == found[1]
    real.delete_snapshot("before")
    assert [one.name for one in real.snapshots()] == ["other"]
    assert [one.id for one in real.items("third")] == ["bread", "tides"]


async def test_the_client_for_asyncio_does_the_same(real: Client, library: str) -> None:
    async with AsyncClient(library) as client:
        made = await client.snapshot("notes", "before")
        assert [one async for one in client.snapshots()] == [made]
        assert (await client.restore("before", "again")).item_count == 2
        await client.delete_snapshot("before")
        assert [one async for one in client.snapshots()] == []


def test_what_is_wrong_is_told_as_its_kind_of_error(real: Client) -> None:
    real.snapshot("notes", "before")

    real.create_collection("again")
    with pytest.raises(AlreadyExists, match="a collection named 'again' is there"):
        real.restore("before", "again")
    with pytest.raises(NotFound, match="the choices are: before") as caught:
        real.restore("befor", "fourth")
    assert caught.value.reason == "SNAPSHOT_NOT_FOUND"
    with pytest.raises(NotFound):
        real.snapshot("nosuch", "other")
    with pytest.raises(InvalidArgument):
        real.snapshot("notes", "Not A Name")


def test_a_damaged_snapshot_is_told_with_the_way_out(
    real: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    real.snapshot("notes", "damaged")
    (folder,) = tmp_path_factory.getbasetemp().glob("snapshots0/store/snapshots/_/damaged/table/data")
    path = next(folder.iterdir())
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with pytest.raises(FailedPrecondition, match=r"1 of the .* files of the snapshot 'damaged' are damaged"):
        real.restore("damaged", "fourth")

    assert [one.name for one in real.collections()] == ["notes"]


@each(
    "method, request_, field",
    [
        ("CreateSnapshot", index_pb2.CreateSnapshotRequest(collection="notes", name="No"), "name"),
        (
            "RestoreSnapshot",
            index_pb2.RestoreSnapshotRequest(snapshot="before", collection="No"),
            "collection",
        ),
        ("ImportSnapshot", index_pb2.ImportSnapshotRequest(name="No"), "name"),
        ("ImportSnapshot", index_pb2.ImportSnapshotRequest(name="moved", offset=5), "offset"),
        ("ListSnapshots", index_pb2.ListSnapshotsRequest(page_size=1001), "page_size"),
        ("ListSnapshots", index_pb2.ListSnapshotsRequest(page_token="forged"), "page_token"),
    ],
)
def test_bad_input_is_told_with_the_path_of_its_field(
    library: str, method: str, request_: Any, field: str
) -> None:
    with grpc.insecure_channel(library) as channel, pytest.raises(grpc.RpcError) as caught:
        getattr(index_pb2_grpc.IndexServiceStub(channel), method)(request_)

    assert Failure.of(caught.value).field == field


def test_a_snapshot_is_written_into_a_file_and_read_from_it(
    real: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = real.snapshot("notes", "before")
    size = real.export_snapshot("before", tmp_path / "before.tar")
    module = importlib.import_module("tieback_client.procedures.snapshots")  # the package has a function so
    monkeypatch.setattr(module, "_PART_BYTES", 5000)

    moved = real.import_snapshot(tmp_path / "before.tar", "moved")
    restored = real.restore("moved", "again")

    assert size == (tmp_path / "before.tar").stat().st_size > 10_000
    assert (tmp_path / "before.tar").stat().st_mode & 0o077 == 0
    assert (moved.name, moved.collection, moved.created) == ("moved", "notes", made.created)
    assert restored.item_count == 2
    assert [one.id for one in real.items("again")] == ["bread", "tides"]


def test_a_file_that_is_damaged_is_not_imported_and_a_failed_export_leaves_no_file(
    real: Client, tmp_path: Path
) -> None:
    real.snapshot("notes", "before")
    real.export_snapshot("before", tmp_path / "file")
    content = bytearray((tmp_path / "file").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "file").write_bytes(content)

    with pytest.raises(FailedPrecondition, match="was not imported"):
        real.import_snapshot(tmp_path / "file", "moved")
    with pytest.raises(NotFound):
        real.export_snapshot("nosuch", tmp_path / "other")

    assert [one.name for one in real.snapshots()] == ["before"]
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_command_line_moves_a_snapshot_through_a_file(real: Client, library: str, tmp_path: Path) -> None:
    real.snapshot("notes", "before")

    exported = command(library, "snapshots", "export", "before", str(tmp_path / "file"))
    imported = command(library, "snapshots", "import", str(tmp_path / "file"), "moved", "--json")
    missing = command(library, "snapshots", "import", str(tmp_path / "nosuch"), "moved")

    assert exported.output == f"exported before: {(tmp_path / 'file').stat().st_size} bytes\n"
    assert json.loads(imported.stdout)["item_count"] == 2
    assert missing.exit_code == 2
    assert [one.name for one in real.snapshots()] == ["before", "moved"]


def test_the_command_line_makes_lists_restores_and_deletes(real: Client, library: str) -> None:
    assert command(library, "snapshots").stdout == ""
    made = command(library, "snapshots", "create", "notes", "before")
    assert made.exit_code == 0, made.output
    assert "made before of notes with 2 items" in made.output
    (line,) = command(library, "snapshots").stdout.splitlines()[-1:]
    assert line.split("\t")[:3] == ["before", "notes", "2"]

    restored = command(library, "snapshots", "restore", "before", "again")
    taken = command(library, "snapshots", "restore", "before", "again-2", "--json")
    real.delete("again", "bread")
    refused = command(library, "snapshots", "restore", "before", "again")

    assert "restored before as again with 2 items" in restored.output
    assert json.loads(taken.stdout)["name"] == "again-2"
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: a collection named 'again' is there")
    assert command(library, "snapshots", "delete", "before", input="n\n").exit_code == 2
    assert [one.name for one in real.snapshots()] == ["before"]
    assert command(library, "snapshots", "delete", "before", input="y\n").exit_code == 0
    assert list(real.snapshots()) == []


def test_a_snapshot_is_not_deleted_where_nobody_can_be_asked(real: Client, library: str) -> None:
    real.snapshot("notes", "before")

    for words in (["snapshots", "delete", "before"], ["snapshots", "delete", "before", "--json"]):
        result = command(library, *words, input="")
        assert result.exit_code == 2
        assert "--yes" in result.stderr
    assert [one.name for one in real.snapshots()] == ["before"]
    assert command(library, "snapshots", "delete", "before", "--yes", "--json").exit_code == 0


def test_a_damaged_and_a_stale_one_are_told_of(run: Run, served: Any) -> None:
    with Client(served.address) as client:
        client.snapshot("notes", "broken")
        client.snapshot("notes", "whole")

    listed = run("snapshots", "list")
    restored = run("snapshots", "restore", "whole", "again", "--any-space")

    lines = [line.split("\t") for line in listed.stdout.splitlines()]
    assert [line[-1] for line in lines if line[0] in ("broken", "whole")] == ["damaged", "good"]
    assert "broken: its manifest is damaged: delete it" in listed.stderr
    assert "again: its space is not served" in restored.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["snapshots"],
        ["snapshots", "create", "notes", "other"],
        ["snapshots", "restore", "first", "again"],
        ["snapshots", "delete", "first", "--yes"],
    ],
)
def test_every_command_speaks_json(run: Run, served: Any, words: list[str]) -> None:
    with Client(served.address) as client:
        client.snapshot("notes", "first")

    result = run(*words, "--json")

    assert result.exit_code == 0, result.output
    documents(result)
