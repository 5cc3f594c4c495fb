"""`tieback doctor` finds what is wrong and says what to do."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support import ports
from support.sections import SPACE, WIDTH, item
from tieback.index import Index
from tieback_client.cli import app
from tieback_contract.vectors import SpaceRef

Doctor = Callable[..., Result]


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


@pytest.fixture
def doctor(tmp_path: Path, free_port: int) -> Doctor:
    """Runs it on an empty model store, with a port that is free."""
    environment = {
        "TIEBACK_MODELS": str(tmp_path / "models"),
        "TIEBACK_STORE": str(tmp_path / "store"),
        "TIEBACK_PORT": str(free_port),
        "TIEBACK_METRICS_PORT": "",
    }

    def run(*words: str, **variables: str) -> Result:
        return CliRunner().invoke(app.tieback, ["doctor", *words], env=environment | variables)

    return run


def found(result: Result, name: str) -> list[dict[str, str]]:
    return [one for one in json.loads(result.stdout)["checks"] if one["name"] == name]


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def test_a_model_that_is_not_in_the_store_comes_with_the_command_that_pulls_it(doctor: Doctor) -> None:
    result = doctor()

    assert result.exit_code == 1
    assert "all-minilm-l6-v2 is not in the store" in result.stdout
    assert "→ tieback models pull all-minilm-l6-v2" in result.stdout
    assert "faults" in result.stdout.splitlines()[-1]


def test_json_says_the_same(doctor: Doctor) -> None:
    result = doctor("--json")

    assert json.loads(result.stdout)["ok"] is False
    assert found(result, "Python")[0]["state"] == "good"
    assert found(result, "port")[0]["state"] == "good"
    assert found(result, "packages")[0]["state"] == "good"


def test_both_builds_of_onnx_runtime_are_one_too_many(
    doctor: Doctor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = tmp_path / "site" / "onnxruntime_gpu-1.32.0.dist-info"
    second.mkdir(parents=True)
    (second / "METADATA").write_text("Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 1.32.0\n")
    monkeypatch.syspath_prepend(tmp_path / "site")

    finding = found(doctor("--json"), "ONNX Runtime")[0]

    assert finding["state"] == "bad"
    assert "pip uninstall onnxruntime onnxruntime-gpu" in finding["advice"]


def test_a_provider_that_the_build_lacks_is_a_fault(doctor: Doctor) -> None:
    finding = found(doctor("--json", TIEBACK_PROVIDER="cuda"), "ONNX Runtime")[0]

    assert finding["state"] == "bad"
    assert "onnxruntime-gpu" in finding["advice"]


def test_a_space_that_the_catalog_lacks_is_a_fault_with_the_choices(doctor: Doctor) -> None:
    finding = found(doctor("--json", TIEBACK_SPACES="nope"), "models")[0]

    assert finding["state"] == "bad"
    assert "wordllama-256" in finding["found"]


def test_a_port_that_something_else_has_is_a_fault(doctor: Doctor, free_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", free_port))

        finding = found(doctor("--json"), "port")[0]

    assert finding["state"] == "bad"
    assert "--port" in finding["advice"]


def test_a_running_server_of_another_version_is_told(doctor: Doctor, served: Any) -> None:
    result = doctor("--json", "--server", served.address)

    assert found(result, "server")[0]["state"] == "good"
    assert found(result, "version")[0]["state"] == "warning"
    assert "9.9.9" in found(result, "version")[0]["advice"]


def test_a_named_server_that_does_not_answer_is_a_fault(doctor: Doctor, free_port: int) -> None:
    finding = found(doctor("--json", "--server", f"localhost:{free_port}"), "server")[0]

    assert finding["state"] == "bad"
    assert "tieback serve" in finding["advice"]


def test_a_store_that_cannot_be_written_is_a_fault(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")

    finding = found(doctor("--json", TIEBACK_STORE=str(tmp_path / "file")), "store")[0]

    assert finding["state"] == "bad"
    assert "TIEBACK_STORE" in finding["advice"]


async def test_a_damaged_collection_is_named_with_what_to_do(doctor: Doctor, tmp_path: Path) -> None:
    index = Index.open(tmp_path / "store")
    for name in ("broken", "whole"):
        await index.create_collection(name, SPACE, WIDTH)
        await index.upsert(name, [item("a")])
    while_open = found(doctor("--json"), "collections")
    await index.close()
    for path in files(tmp_path / "store" / "collections" / "broken.lance" / "data"):
        path.write_bytes(b"")

    result = doctor("--json")

    assert while_open[0]["state"] == "skipped"
    (finding,) = found(result, "collection")
    assert finding["state"] == "bad"
    assert finding["found"].startswith("broken:")
    assert "restore" in finding["advice"]
    assert found(result, "collections") == []


async def test_a_collection_of_another_revision_is_named_with_what_to_do(
    doctor: Doctor, tmp_path: Path
) -> None:
    index = Index.open(tmp_path / "store")
    await index.create_collection("old", SpaceRef("wordllama-256", "an older revision", "f"), 256)
    await index.create_collection("own", SpaceRef("vectors-of-mine", "r", "f"), 256)
    await index.close()

    result = doctor("--json", TIEBACK_SPACES="wordllama-256")

    [finding] = found(result, "collection")
    assert finding["state"] == "warning"
    assert "wordllama-256@an older revision" in finding["found"]
    assert finding["advice"].endswith("tieback reindex old")
    assert "none" in found(result, "joint space")[0]["found"]


def test_a_setting_that_is_wrong_is_one_fault_that_names_it(doctor: Doctor) -> None:
    result = doctor("--json", TIEBACK_PORT="abc")

    checks = json.loads(result.stdout)["checks"]
    assert result.exit_code == 1
    assert [one["name"] for one in checks if one["state"] == "bad"] == ["settings"]
    assert "TIEBACK_PORT is 'abc'" in found(result, "settings")[0]["found"]
