"""`tieback index --distributed`: workers of Ray Data against a platform, which needs no Ray itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tieback_client import Client

pytestmark = [pytest.mark.ray, pytest.mark.all, pytest.mark.timeout(400)]
FILES = 70
LARGE = 200_000
"""Words of a file that takes a worker seconds."""
SECONDS = 240


@pytest.fixture
def client(local_platform: Any) -> Iterator[Client]:
    with Client(local_platform.address, timeout=60) as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    for number in range(FILES):
        (made / f"{number:02}.md").write_text(f"# Note {number}\n\nThe tide of day {number} rises twice.\n")
    return made


@pytest.fixture
def collection(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.replace("_", "-")[:60]
    yield name
    client.delete_collection(name)


def started(address: str, collection: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tieback_client.cli", "index", str(folder), "-c", collection]
    return subprocess.Popen(
        [*command, "--distributed", "--workers", "1", "--json", "--space", "wordllama-256"],
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        | {"TIEBACK_SERVER": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told(running: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = running.communicate(timeout=SECONDS)
    assert out, err
    report: dict[str, Any] = json.loads(out)
    return report


def workers(running: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that work on a block now."""
    try:
        found = psutil.Process(running.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    busy = []
    for one in found:
        try:
            busy += [one] if "ray::MapBatches" in " ".join(one.cmdline()) else []
        except psutil.Error:
            continue
    return busy


def killed(running: subprocess.Popen[str], most: int) -> int:
    """Kills workers as they appear, until `most` were killed or the run has ended."""
    count = 0
    end = time.monotonic() + SECONDS
    while count < most and running.poll() is None and time.monotonic() < end:
        for one in workers(running):
            one.kill()
            count += 1
        time.sleep(0.01)
    return count


def test_workers_write_all_files_and_skip_what_is_unchanged(
    local_platform: Any, client: Client, folder: Path, collection: str
) -> None:
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nno more of it")

    first = started(local_platform.address, collection, folder)
    report = told(first)

    assert first.returncode == 1
    assert set(report["failures"]) == {"folder/broken.pdf"}
    assert (report["written"], report["unchanged"], report["kinds"]) == (FILES, 0, {"markdown": FILES})
    assert client.get_collection(collection).item_count == FILES
    (folder / "00.md").write_text("# Another note\n\nIt changed.\n")
    (folder / "broken.pdf").unlink()

    second = started(local_platform.address, collection, folder)
    report = told(second)

    assert second.returncode == 0
    assert (report["written"], report["unchanged"]) == (1, FILES - 1)


def test_a_worker_that_is_killed_loses_no_file(
    local_platform: Any, client: Client, folder: Path, collection: str
) -> None:
    (folder / "large.md").write_text("# Large\n\n" + "tide " * LARGE)

    running = started(local_platform.address, collection, folder)
    assert killed(running, 1) == 1

    report = told(running)

    assert report["failures"] == {}
    paths = {item.metadata["path"] for item in client.items(collection, sections=False)}
    assert len(paths) == FILES + 1


def test_files_whose_workers_always_die_are_named(
    local_platform: Any, client: Client, folder: Path, collection: str
) -> None:
    for path in sorted(folder.iterdir())[2:]:
        path.unlink()
    (folder / "large.md").write_text("# Large\n\n" + "tide " * LARGE)
    client.create_collection(collection, "wordllama-256")

    running = started(local_platform.address, collection, folder)
    assert killed(running, 100) > 1
    report = told(running)

    assert running.returncode == 1
    assert set(report["failures"]) == {"folder/00.md", "folder/01.md", "folder/large.md"}
    assert all("the worker that had it ended" in why for why in report["failures"].values())
