"""The last release and this one together: servers, clients, and what the older one stored.

The last release is that of the newest tag. Where there is none, or no tags were fetched, it is this commit.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.all

ROOT = Path(__file__).parents[2]
TIDES = "# Tides\n\nThe moon pulls the sea, and the sea rises twice a day.\n"
COFFEE = "# Coffee\n\nThe English brought the coffee plant to Jamaica in 1730.\n"


@pytest.fixture(scope="module")
def last(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of the last release."""
    told = subprocess.run(
        ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    folder = tmp_path_factory.mktemp("last")
    archive = subprocess.run(
        ["git", "archive", told.stdout.strip() or "HEAD", "services", "clients"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder


def variables(source: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": f"{source / 'services'}:{source / 'clients'}",
        "TIEBACK_SPACES": "wordllama-256",
        "TIEBACK_GENERATOR": "none",
    }


@contextlib.contextmanager
def served(source: Path, store: Path) -> Iterator[str]:
    """A server of this source over this store; gives its address."""
    command = [sys.executable, "-m", "tieback_client.cli", "serve", "--local", "--json"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--metrics-port", "0", "--store", str(store)],
        cwd=store.parent,
        env=variables(source),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            event = json.loads(line)
            assert event["event"] != "failed", event
            if event["event"] == "ready":
                break
        yield event["address"]
    finally:
        process.terminate()
        process.stdout.read()
        assert process.wait(timeout=60) == 0


def call(source: Path, address: str, *words: str) -> str:
    """What a client of this source prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tieback_client.cli", *words],
        env={**variables(source), "TIEBACK_SERVER": address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tides.md").write_text(TIDES, encoding="utf-8")
    return folder


def test_this_server_serves_what_the_last_one_stored_to_clients_of_both(
    last: Path, notes: Path, tmp_path: Path
) -> None:
    with served(last, tmp_path / "store") as address:
        call(last, address, "index", str(notes))
    (notes / "coffee.md").write_text(COFFEE, encoding="utf-8")

    with served(ROOT, tmp_path / "store") as address:
        for client in (last, ROOT):
            assert "The moon pulls the sea" in call(client, address, "search", "what moves the sea")
        call(last, address, "index", str(notes))
        answers = [call(client, address, "ask", "When did coffee reach Jamaica?") for client in (last, ROOT)]

    assert all("1730" in answer for answer in answers)


def test_this_client_calls_the_last_server(last: Path, notes: Path, tmp_path: Path) -> None:
    (notes / "coffee.md").write_text(COFFEE, encoding="utf-8")

    with served(last, tmp_path / "store") as address:
        call(ROOT, address, "index", str(notes))
        found = call(ROOT, address, "search", "what moves the sea", "--json")
        answer = call(ROOT, address, "ask", "When did coffee reach Jamaica?")

    assert json.loads(found)
    assert "1730" in answer
