"""An upgrade by a policy that trains: what it learns and refuses, and how it ends when it is disturbed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from support.local_platform import Running, served_locally
from support.revised_spaces import settings_of, texts, write_spaces
from tieback.artifacts import Artifact
from tieback.methods.compatibility import compatibilities, shared
from tieback.models.joint.transforms import COMPATIBILITY
from tieback_client import (
    AlreadyExists,
    Client,
    InvalidArgument,
    NotFound,
    OperationState,
    Unimplemented,
    UpgradePlan,
)

ITEMS = 120
QUICK: Any = ("oca", {"extra": 4, "hidden": 8, "steps": 120, "batch": 64})
ENDLESS: Any = ("oca", {"extra": 4, "hidden": 8, "steps": 10_000_000, "batch": 64, "patience": 0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("upgrade")
    write_spaces(folder)
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Running]:
    with served_locally(settings_of(folder)) as running:
        with Client(running.address, timeout=60) as client:
            client.ingest("texts", texts(ITEMS), space="words-a").collect()
            client.ingest("few", texts(4), space="words-a").collect()
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as client:
        yield client


def fitting() -> list[int]:
    """The processes that learn a policy; one that ended and is not waited for yet has no command any more."""
    found = []
    for one in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            found += [one.pid] if "fitting" in " ".join(one.cmdline()) else []
    return found


def test_an_upgrade_learns_a_transform_and_says_what_it_is_worth(
    client: Client, running: Running, folder: Path
) -> None:
    before = client.get_collection("texts")

    operation = client.plan_upgrade("texts", space="words-b", policy=QUICK)
    steps = list(operation.follow(0.05))
    result = operation.result()

    assert operation.id.startswith("plan_upgrade-")
    assert (operation.status.kind, operation.status.subject) == ("plan_upgrade", "texts")
    assert (steps[-1].state, steps[-1].done) == (OperationState.SUCCEEDED, steps[-1].total)
    assert steps[-1].total == ITEMS + 101
    assert isinstance(result, UpgradePlan)
    assert (result.old_space, result.new_space.name) == (before.space, "words-b")
    assert (result.policy, result.parameters["extra"], result.parameters["alignment"]) == ("oca", 4.0, 1.0)
    assert (result.width, result.held_out, result.left_out) == (12, ITEMS // 5 * 3, 0)
    assert result.trained == ITEMS * 3 - result.held_out
    for one in (result.old_old, result.new_old, result.new_new, result.native):
        assert 0 <= one.low <= one.value <= one.high <= 1
    assert result.new_old.value >= result.old_old.value - 0.15
    assert result.new_new.value >= 0.5
    assert result.encoding_seconds > 0
    assert result.training_seconds > 0
    assert client.get_collection("texts") == before
    assert client.operation(operation.id).result() == result
    while not running.value("tieback_operation_seconds_count", kind="plan_upgrade", state="succeeded"):
        time.sleep(0.05)  # it is counted once its end is on the disk

    artifact = Artifact.load(folder / "store/upgrades/_/texts" / result.artifact, COMPATIBILITY)
    assert [one.name for one in artifact.made_for] == ["words-a", "words-b"]
    assert artifact.provenance["configuration"]["steps"] == 120
    assert artifact.facts["recall"]["new_old"]["value"] == result.new_old.value
    texts_ = ["word00 word01 word02", "word10 word11"]
    old, new = (client.encode(texts_, space=name).vectors for name in ("words-a", "words-b"))
    leading = shared(compatibilities.get("oca")(new, artifact.arrays), 8)
    assert ((leading @ old.T).argmax(axis=1) == [0, 1]).all()
    assert not (folder / "store/upgrades/_/texts/work").exists()


def test_with_labels_a_content_seeks_another_of_its_label(client: Client) -> None:
    result = client.plan_upgrade("texts", space="words-b", policy=QUICK, labels="kind").result(timeout=60)

    assert (result.trained, result.held_out, result.left_out) == (ITEMS * 4 // 5, ITEMS // 5, 0)
    assert result.new_new.value > 0.5


def test_a_policy_that_a_small_collection_is_too_little_for_is_refused(client: Client) -> None:
    client.ingest("some", texts(40), space="words-a").collect()

    with pytest.raises(InvalidArgument, match="too small for an upgrade by local_mixture: it takes 128"):
        client.plan_upgrade("some", space="words-b", policy="local_mixture").result(60)


def test_a_policy_of_classes_asks_for_their_field(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="stationary learns from classes") as refusal:
        client.plan_upgrade("texts", space="words-b", policy="stationary")
    assert [str(one.field) for one in refusal.value.violations] == ["labels"]


def test_a_server_without_pytorch_refuses_and_says_what_to_install(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tieback.operations.upgrades.fitting.importlib.util.find_spec", lambda *_: None)

    with pytest.raises(Unimplemented, match="install the extra 'train'"):
        client.plan_upgrade("texts", space="words-b", policy=QUICK)


def test_a_cancelled_upgrade_leaves_no_process_and_nothing_that_it_made(client: Client, folder: Path) -> None:
    before = client.get_collection("texts")
    operation = client.plan_upgrade("texts", space="words-b", policy=ENDLESS)
    learning = _work(folder)
    while not list(learning.glob("fit-*/checkpoint")):
        assert not operation.progress().is_over
        time.sleep(0.05)
    with pytest.raises(AlreadyExists, match=operation.id):
        client.plan_upgrade("texts", space="words-b", policy=QUICK)

    operation.cancel()

    assert operation.wait(timeout=30).state is OperationState.CANCELLED
    assert fitting() == []
    assert client.get_collection("texts") == before
    assert not learning.exists()


def test_an_upgrade_ends_with_its_collection(client: Client, folder: Path) -> None:
    client.ingest("gone", texts(ITEMS), space="words-a").collect()
    operation = client.plan_upgrade("gone", space="words-b", policy=ENDLESS)
    while operation.progress().done < ITEMS:
        time.sleep(0.05)

    client.delete_collection("gone")

    with pytest.raises(NotFound, match="no collection is named 'gone'"):
        operation.result(timeout=60)
    assert not list((folder / "store/upgrades/_").glob("gone/*"))


# Serves the folder and starts an upgrade, or resumes it; tells how far it is, and at the end its result.
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from tieback.serving.processes.local import LocalServer
from tieback.serving.settings import Settings
from tieback_client import AsyncClient
from tieback_client.jsonable import jsonable

async def main(folder):
    settings = Settings(
        store=folder / "store", models=folder / "models", cards=folder, port=0, metrics_port=None,
        spaces=("words-a", "words-b", "colours", "shapes"), generator="none", drain_seconds=0.1,
        binding="none",
    )
    policy = ("oca", {"extra": 4, "hidden": 8, "steps": 2500, "batch": 64, "patience": 0})
    async with LocalServer(settings) as server, AsyncClient(f"localhost:{server.port}") as client:
        known = [one.id async for one in client.operations()]
        if known:
            operation = await client.operation(known[0])
        else:
            operation = await client.plan_upgrade("texts", space="words-b", policy=policy)
        print("started", flush=True)
        async for status in operation.follow(0.02):
            print(json.dumps({"done": status.done}), flush=True)
        print(json.dumps(jsonable(await operation.result())), flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.all
@pytest.mark.timeout(300)
def test_an_upgrade_ends_as_if_undisturbed_whenever_its_server_is_killed(tmp_path: Path) -> None:
    write_spaces(tmp_path)
    with served_locally(settings_of(tmp_path)) as running, Client(running.address) as client:
        client.ingest("texts", texts(ITEMS), space="words-a").collect()
    assert _killed_at(tmp_path, 1) < ITEMS + 50, "while it encodes, or learns"
    reached = _killed_at(tmp_path, ITEMS + 30)
    assert list(_work(tmp_path).glob("fit-*/checkpoint"))
    assert _killed_at(tmp_path, ITEMS + 60) >= reached

    resumed = _ended(tmp_path)

    again = Path(f"{tmp_path}-again")
    again.mkdir()
    write_spaces(again)
    with served_locally(settings_of(again)) as running, Client(running.address) as client:
        client.ingest("texts", texts(ITEMS), space="words-a").collect()
    undisturbed = _ended(again)
    for one in (resumed, undisturbed):
        for name in ("encoding_seconds", "training_seconds", "encode_all_seconds"):
            assert one.pop(name) > 0
        del one["translate_all_seconds"]
    assert resumed == undisturbed
    assert not _work(tmp_path).exists()


def _work(folder: Path) -> Path:
    return folder / "store/upgrades/_/texts/work"


def _served(folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def _killed_at(folder: Path, done: int) -> int:
    """Kills the server with SIGKILL once the upgrade has done so many steps; how many it had done."""
    process = _served(folder)
    assert process.stdout is not None
    reached = 0
    while reached < done:
        reached = json.loads(process.stdout.readline())["done"]
    children = psutil.Process(process.pid).children()
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    return reached


def _ended(folder: Path) -> dict[str, Any]:
    told, _ = _served(folder).communicate()
    result: dict[str, Any] = json.loads(told.splitlines()[-1])
    return result
