"""Operations over the wire: by the SDK, by both clients and by the command line, of each tenant its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from click.testing import CliRunner, Result
from google.longrunning import operations_pb2_grpc, operations_proto_pb2
from support.local_platform import Running, served_locally
from support.own_encoder import Silent
from support.present import present
from support.small_spaces import write_words
from support.tenants import write_tokens
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.serving.settings import Settings
from tieback.v1 import operation_pb2, operation_pb2_grpc
from tieback_client import (
    AlreadyExists,
    AsyncClient,
    Cancelled,
    Client,
    DeadlineExceeded,
    InvalidArgument,
    Item,
    NotFound,
    OperationState,
    PermissionDenied,
)
from tieback_client.cli import app

WORDS = ["owl", "wren", "night", "day"]
MANY = 4000
"""Items of a collection that takes some seconds to encode again."""
ELSEWHERE = "words-b"
"""A space for a collection in "words"."""


class Place:
    """A folder with two small spaces of words and a store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        draw = np.random.default_rng(1)
        cards = [
            write_words(folder, name, dict(zip(WORDS, draw.normal(size=(4, 8)), strict=True)))
            for name in ("words", "words-b")
        ]
        assert pull(cards, cards, Store(folder / "models"), Silent()) == []

    @contextmanager
    def served(self, **more: Any) -> Iterator[Running]:
        settings = Settings(
            store=self.folder / "store", models=self.folder / "models", cards=self.folder, port=0,
            metrics_port=None, spaces=("words", "words-b"), generator="none", drain_seconds=1,
            binding="none", **more,
        )  # fmt: skip
        with served_locally(settings) as running:
            yield running


def fill(client: Client, name: str, count: int) -> None:
    items = (Item(f"{n:05}", WORDS[n % 4]) for n in range(count))
    client.ingest(name, items, space="words", batch=500).collect()


def client_of(running: Running, token: str | None = None) -> Client:
    return Client(running.address, timeout=60, token=token)


def run(running: Running, *words: str) -> Result:
    return CliRunner().invoke(app.tieback, list(words), env={"TIEBACK_SERVER": running.address})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("operations"))


@pytest.fixture(scope="module")
def running(place: Place) -> Iterator[Running]:
    with place.served(operations_running=1) as running:
        with client_of(running) as client:
            for name, count in (("few", 20), ("many", MANY), ("more", MANY)):
                fill(client, name, count)
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with client_of(running) as client:
        yield client


def move(client: Client, name: str) -> str:
    """The space of the two that a collection is not in."""
    return {"words": "words-b", "words-b": "words"}[client.get_collection(name).space.name]


def test_a_reindex_is_started_followed_and_its_result_read_later(client: Client, running: Running) -> None:
    space = move(client, "few")

    operation = client.reindex("few", space=space)
    steps = list(operation.follow(0.05))
    again = client.operation(operation.id)

    assert operation.id.startswith("reindex-")
    assert (operation.status.kind, operation.status.subject) == ("reindex", "few")
    assert steps[-1].state is OperationState.SUCCEEDED
    assert (steps[-1].done, steps[-1].total) == (20, 20)
    assert again.status == steps[-1]
    assert present(again.status.created) <= present(again.status.begun) <= present(again.status.ended)
    result = again.result(timeout=1)
    assert (result.finished, result.needed, result.total, result.done) == (True, True, 20, 20)
    assert result.space == client.get_collection("few").space
    assert result.space.name == space
    while not running.value("tieback_operation_seconds_count", kind="reindex", state="succeeded"):
        time.sleep(0.01)  # it is counted once its end is on the disk
    assert running.value("tieback_operations", kind="reindex", state="succeeded") >= 1


def test_a_collection_in_the_space_already_needs_nothing(client: Client) -> None:
    result = client.reindex("few", space=client.get_collection("few").space.name).result(timeout=30)

    assert (result.finished, result.needed, result.total) == (True, False, 20)


def test_a_running_reindex_is_cancelled_and_the_collection_is_as_it_was(client: Client, place: Place) -> None:
    before = client.get_collection("many")

    operation = client.reindex("many", space=ELSEWHERE)
    assert not operation.progress().is_over
    operation.cancel()
    end = operation.wait(timeout=30)

    assert end.state is OperationState.CANCELLED
    with pytest.raises(Cancelled, match="cancelled"):
        operation.result()
    assert client.get_collection("many") == before
    assert client.retrieve("many", "owl").hits
    assert list((place.folder / "store" / "generations").glob("many.lance")) == []


def test_one_that_waits_behind_another_is_seen_and_cancelled_and_an_equal_request_is_one_operation(
    client: Client,
) -> None:
    space = ELSEWHERE
    first = client.reindex("many", space=space)
    second = client.reindex("more", space=space)

    assert client.reindex("more", space=space).id == second.id
    with pytest.raises(AlreadyExists, match=second.id):
        client.reindex("more", space=space, drop_missing=True)
    assert second.progress().state is OperationState.WAITING
    with pytest.raises(DeadlineExceeded, match="it goes on"):
        second.wait(timeout=0.05)
    with pytest.raises(InvalidArgument, match="cancel it first"):
        second.delete()
    second.cancel()
    assert second.wait(timeout=5).state is OperationState.CANCELLED
    assert [one.id for one in client.operations()][:2] == [second.id, first.id]
    first.cancel()
    first.wait(timeout=30)
    second.delete()
    with pytest.raises(NotFound, match="no operation is named"):
        second.progress()


def test_a_list_comes_page_by_page(client: Client) -> None:
    space = client.get_collection("few").space.name
    started = [client.reindex("few", space=space).wait(timeout=30).id for _ in range(3)]

    found = [one.id for one in client.operations(page_size=2)]

    assert found[:3] == started[::-1]
    assert len(set(found)) == len(found)


def test_what_cannot_run_is_refused_when_it_is_started(client: Client) -> None:
    before = [one.id for one in client.operations()]

    with pytest.raises(NotFound, match="no collection is named 'nowhere'"):
        client.reindex("nowhere")
    with pytest.raises(NotFound, match="no space is named 'wrds'; did you mean 'words'"):
        client.reindex("few", space="wrds")
    with pytest.raises(NotFound, match="no operation is named"):
        client.operation("reindex-000000000000")
    with pytest.raises(NotFound, match="no operation is named"):
        client.cancel_operation("reindex-000000000000")

    assert [one.id for one in client.operations()] == before


async def test_the_asynchronous_client_does_the_same(running: Running) -> None:
    async with AsyncClient(running.address, timeout=60) as client:
        space = (await client.get_collection("few")).space.name
        operation = await client.reindex("few", space={"words": "words-b"}.get(space, "words"))
        steps = [one async for one in operation.follow(0.05)]
        result = await operation.result()
        again = await client.operation(operation.id)
        found = [one.id async for one in client.operations()]
        await operation.delete()

        assert steps[-1].state is OperationState.SUCCEEDED
        assert result.finished
        assert again.status == steps[-1]
        assert operation.id in found
        with pytest.raises(NotFound):
            await again.progress()


def test_any_client_of_google_longrunning_follows_an_operation(client: Client, running: Running) -> None:
    with grpc.insecure_channel(running.address) as channel:
        operations = operations_pb2_grpc.OperationsStub(channel)
        request = operation_pb2.StartReindexRequest(
            collection="few", space=client.get_collection("few").space.name
        )
        started = operation_pb2_grpc.OperationServiceStub(channel).StartReindex(request)
        ended = operations.WaitOperation(operations_proto_pb2.WaitOperationRequest(name=started.name))
        result, metadata = operation_pb2.ReindexResult(), operation_pb2.OperationMetadata()

        assert started.name.startswith("operations/reindex-")
        assert ended.done
        assert ended.response.Unpack(result)
        assert result.finished
        assert ended.metadata.Unpack(metadata)
        assert metadata.state == operation_pb2.OPERATION_STATE_SUCCEEDED
        for wrong in ("few", "operations/", "jobs/1"):
            with pytest.raises(grpc.RpcError) as refusal:
                operations.GetOperation(operations_proto_pb2.GetOperationRequest(name=wrong))
            assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        listed = operations.ListOperations(
            operations_proto_pb2.ListOperationsRequest(filter="done = true", page_size=1)
        )
        assert [one.name for one in listed.operations] == [started.name]
        with pytest.raises(grpc.RpcError, match=r"their fields are collection \(text\), done") as refusal:
            operations.ListOperations(operations_proto_pb2.ListOperationsRequest(filter="state = 3"))
        assert refusal.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_the_command_line_starts_shows_cancels_waits_for_and_deletes(
    client: Client, running: Running
) -> None:
    space = ELSEWHERE

    started = json.loads(run(running, "reindex", "many", "--space", space, "--detach", "--json").stdout)
    name = started["id"]
    listed = run(running, "operations")
    shown = json.loads(run(running, "operations", "show", name, "--json").stdout)
    cancelled = run(running, "operations", "cancel", name)
    waited = run(running, "operations", "wait", name)
    deleted = run(running, "operations", "delete", name)
    gone = run(running, "operations", "show", name)
    finished = run(running, "reindex", "few", "--space", move(client, "few"))

    assert started["kind"] == "reindex"
    assert name in listed.stdout
    assert shown["subject"] == "many"
    assert "cancel" in cancelled.stdout
    assert (waited.exit_code, "cancelled" in waited.stdout) == (1, True)
    assert deleted.exit_code == 0
    assert (gone.exit_code, "no operation is named" in gone.output) == (1, True)
    assert (finished.exit_code, "20 items in the space" in finished.stdout) == (0, True)


def test_an_interrupted_command_leaves_the_operation_running_and_says_how_to_go_on(
    client: Client, running: Running
) -> None:
    known = {one.id for one in client.operations()}
    words = ["reindex", "many", "--space", ELSEWHERE]
    command = subprocess.Popen(
        [sys.executable, "-m", "tieback_client.cli", *words],
        env={**os.environ, "TIEBACK_SERVER": running.address, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # what a terminal's programs have
    )
    while not (new := [one for one in client.operations() if one.id not in known]):
        time.sleep(0.01)
    time.sleep(0.2)

    command.send_signal(signal.SIGINT)
    _, told = command.communicate(timeout=30)

    told = " ".join(told.split())
    assert command.returncode == 130
    assert f"tieback operations wait {new[0].id}" in told
    assert f"tieback operations cancel {new[0].id}" in told
    assert not client.operation(new[0].id).status.is_over
    client.cancel_operation(new[0].id)
    client.operation(new[0].id).wait(timeout=30)


def test_an_operation_goes_on_when_the_server_is_started_again(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.served() as running, client_of(running) as client:
        fill(client, "many", MANY)
        name = client.reindex("many", space="words-b").id
        before = client.operation(name).status
    with place.served() as running, client_of(running) as client:
        result = client.operation(name).result(timeout=60)

        assert not before.is_over
        assert (result.finished, result.total, result.done) == (True, MANY, MANY)
        assert client.get_collection("many").space.name == "words-b"
        assert client.retrieve("many", "owl").hits


def test_each_tenant_has_its_own_operations_and_keeps_them_over_a_restart(tmp_path: Path) -> None:
    place = Place(tmp_path)
    tokens = write_tokens(
        tmp_path / "tokens",
        {"acme": {"acme-admin": "admin", "acme-read": "read"}, "globex": {"globex-admin": "admin"}},
    )
    with (
        place.served(tokens=tokens) as running,
        client_of(running, "acme-admin") as acme,
        client_of(running, "globex-admin") as globex,
    ):
        for client in (acme, globex):
            fill(client, "birds", MANY)
        operation = acme.reindex("birds", space="words-b")
        with client_of(running, "acme-read") as reader:
            assert [one.id for one in reader.operations()] == [operation.id]
            with pytest.raises(PermissionDenied, match="role admin"):
                reader.cancel_operation(operation.id)
            with pytest.raises(PermissionDenied, match="role admin"):
                reader.reindex("birds")
        assert list(globex.operations()) == []
        for work in (globex.operation, globex.cancel_operation, globex.delete_operation):
            with pytest.raises(NotFound, match="no operation is named"):
                work(operation.id)
        assert globex.reindex("birds", space="words-b").id != operation.id
    with (
        place.served(tokens=tokens) as running,
        client_of(running, "acme-admin") as acme,
        client_of(running, "globex-admin") as globex,
    ):
        assert acme.operation(operation.id).result(timeout=60).finished
        assert [one.subject for one in globex.operations()] == ["birds"]
        assert acme.get_collection("birds").space.name == "words-b"
