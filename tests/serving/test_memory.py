"""The memory limit of a container, read from either version of control groups, and starts that do not fit."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tieback.core.errors import StartupError
from tieback.serving.commands import checks
from tieback.serving.processes import memory
from tieback.serving.processes.memory import GIGABYTE, MemoryWatch, check_memory, memory_limit
from tieback.serving.settings import Settings


def version_2(root: Path, limit: str, used: int = 0, killed: int = 0) -> Path:
    (root / "memory.max").write_text(f"{limit}\n")
    (root / "memory.stat").write_text(f"anon {used}\nfile 999999999999\nshmem 0\n")
    (root / "memory.events").write_text(f"low 0\noom {killed}\noom_kill {killed}\n")
    return root


def version_1(root: Path, limit: str, used: int = 0, killed: int = 0) -> Path:
    folder = root / "memory"
    folder.mkdir(exist_ok=True)
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.stat").write_text(f"cache 999999999999\ntotal_rss {used}\ntotal_shmem 0\n")
    (folder / "memory.oom_control").write_text(f"oom_kill_disable 0\nunder_oom 0\noom_kill {killed}\n")
    return root


Version = Callable[..., Path]
VERSIONS = pytest.mark.parametrize("version", [version_1, version_2])


@pytest.fixture(autouse=True)
def groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has control groups read from the test's folder."""
    monkeypatch.setattr(memory, "GROUPS", tmp_path)


@VERSIONS
def test_the_limit_is_read_and_what_is_kept_of_files_is_not_used(version: Version, tmp_path: Path) -> None:
    version(tmp_path, str(4 * GIGABYTE), GIGABYTE)

    found = memory_limit()

    assert found is not None
    assert (found.limit, found.used) == (4 * GIGABYTE, GIGABYTE)


def test_no_limit_is_none(tmp_path: Path) -> None:
    assert memory_limit() is None
    version_1(tmp_path, "9223372036854771712")
    assert memory_limit() is None
    version_2(tmp_path, "max")
    assert memory_limit() is None


@VERSIONS
def test_the_doctor_reads_either(version: Version, tmp_path: Path) -> None:
    version(tmp_path, str(GIGABYTE), GIGABYTE // 2)

    found = next(iter(checks.machine()))

    assert found.state is checks.State.WARNING
    assert found.found == "0.5 GB free"


@VERSIONS
def test_a_start_below_the_least_names_the_limit_the_need_and_the_ways_out(
    version: Version, tmp_path: Path
) -> None:
    version(tmp_path, str(GIGABYTE // 2))

    with pytest.raises(StartupError) as caught:
        check_memory(Settings(), on_ray=True)

    for words in (
        "is 0.5 GB",
        "on Ray Serve",
        "--memory",
        "mem_limit",
        "--spaces",
        "--generator none",
        "--local",
    ):
        assert words in caught.value.message
    version(tmp_path, str(6 * GIGABYTE))
    check_memory(Settings(), on_ray=True)
    check_memory(Settings(), on_ray=False)


@VERSIONS
def test_a_start_whose_processes_are_ended_for_their_memory_ends(version: Version, tmp_path: Path) -> None:
    version(tmp_path, str(2 * GIGABYTE), killed=5)
    watch = MemoryWatch(Settings())
    watch.check()
    version(tmp_path, str(2 * GIGABYTE), killed=6)
    watch.check()
    version(tmp_path, str(2 * GIGABYTE), killed=7)

    with pytest.raises(StartupError, match=r"is 2\.0 GB.*the kernel ended 2 processes"):
        watch.check()


def test_a_start_that_fills_the_memory_and_stays_there_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version_2(tmp_path, str(2 * GIGABYTE), 2 * GIGABYTE)
    watch = MemoryWatch(Settings())
    watch.check()
    monkeypatch.setattr(memory, "_FULL_SECONDS", -1.0)

    with pytest.raises(StartupError, match=r"is 2\.0 GB"):
        watch.check()
