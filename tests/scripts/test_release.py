"""A release: built twice, and installed where there is no source, for the first steps of the README."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import blocks

pytestmark = [pytest.mark.all, pytest.mark.timeout(2400)]

ROOT = Path(__file__).parents[2]
SECONDS = 15.0
"""From the end of the downloads to a first answer, on a machine that does nothing else."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with dist/, and an environment for each wheel, with what it needs."""
    folder = tmp_path_factory.mktemp("release")
    command = [sys.executable, str(ROOT / "scripts/release"), "--output", str(folder / "dist")]
    done = subprocess.run(
        [*command, "--environments", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def alone(release: Path) -> dict[str, str]:
    """The variables of a shell that knows nothing of the source, in which an environment is active."""
    ours = ("PYTHON", "TIEBACK_", "VIRTUAL_ENV", "PYTEST")
    variables = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = f"{release / 'tieback' / 'bin'}:{variables['PATH']}"
    return {**variables, "PATH": path, "TIEBACK_MODELS": str(release / "models")}


@pytest.fixture(scope="module")
def up(release: Path, alone: dict[str, str]) -> Iterator[list[str]]:
    """What `tieback up` says until its first answer; the server stays."""
    command = ["tieback", "up", "--port", "50851", "--store", str(release / "store")]
    process = subprocess.Popen(
        command,
        cwd=release,
        env={**alone, "TIEBACK_METRICS_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if line.startswith("In a second terminal"):
            break
    yield said
    os.killpg(process.pid, signal.SIGINT)  # as Ctrl-C in a terminal
    rest = process.stdout.read()
    assert process.wait(timeout=60) == 0, rest
    assert rest.endswith("stopped\n")


def test_the_hashes_and_the_provenance_are_those_of_what_lies_there(release: Path) -> None:
    dist = release / "dist"
    sums = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    statement = json.loads((dist / "provenance.json").read_text())

    assert sums == {name: hashlib.sha256((dist / name).read_bytes()).hexdigest() for name in sums}
    assert sum(name.endswith(".whl") for name in sums) == 2
    assert {one["name"]: one["digest"]["sha256"] for one in statement["subject"]}.items() <= sums.items()
    assert len(statement["predicate"]["buildDefinition"]["externalParameters"]["commit"]) == 40


def test_the_bills_of_materials_list_what_each_wheel_needs(release: Path) -> None:
    named = {}
    for path in (release / "dist").glob("*.cdx.json"):
        bill = json.loads(path.read_text())
        assert bill["bomFormat"] == "CycloneDX"
        named[path.name.split("-")[0]] = {one["name"] for one in bill["components"]}

    assert {"grpcio", "numpy", "rich"} < named["tieback_client"]
    assert not {"ray", "onnxruntime", "torch", "tieback"} & named["tieback_client"]
    assert {"tieback-client", "ray", "onnxruntime", "pymilvus"} < named["tieback"]
    assert "torch" not in named["tieback"]


def test_a_first_answer_comes_soon_after_the_downloads(up: list[str]) -> None:
    told = re.search(r"first answer after ([\d.]+) s, of which ([\d.]+) s were downloads", "".join(up))

    assert told is not None, up
    # Other tests, and the disk that an environment was just written to, slow a start: by the work that waits.
    waiting = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert float(told[1]) - float(told[2]) < SECONDS * waiting
    assert any(line.startswith("Downloading ") for line in up)
    assert "Jamaica in 1730" in "".join(up)


def test_the_first_steps_of_the_readme_work_without_the_source(
    up: list[str], release: Path, alone: dict[str, str], tmp_path: Path
) -> None:
    notes = tmp_path / "my-notes"
    notes.mkdir()
    (notes / "keys.md").write_text("# Keys\n\nThe head of security approves a rotation of keys.\n")
    shutil.copy(ROOT / "docs/console.png", tmp_path / "coffee.png")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    steps = re.search(r"^tieback index .*\ntieback ask .*\n", readme, re.M)
    assert steps is not None
    shell = steps[0].replace("~/my-notes", str(notes))
    variables = {**alone, "TIEBACK_SERVER": "localhost:50851"}

    typed = subprocess.run(
        ["bash", "-e", "-c", shell], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
    )
    ran = [
        subprocess.run(
            ["python", "-c", block], cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )
        for block in blocks(readme, "python")
    ]

    assert typed.returncode == 0, typed.stdout + typed.stderr
    assert "The head of security approves" in typed.stdout
    assert ran
    assert [one.stderr for one in ran if one.returncode] == []


def test_the_clients_wheel_alone_calls_a_server(up: list[str], release: Path, alone: dict[str, str]) -> None:
    python = str(release / "tieback_client/bin/python")
    call = [python, "-m", "tieback_client.cli", "search", "coffee", "--collection", "examples"]

    found = subprocess.run(
        [*call, "--server", "localhost:50851"], env=alone, capture_output=True, text=True, check=False
    )
    serve = subprocess.run([*call[:3], "serve"], env=alone, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stderr
    assert "Coffee" in found.stdout
    assert "No such command 'serve'" in serve.stderr
