"""The journal keeps what it acknowledged, through kills, damage and full disks."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from tieback.core.errors import StartupError, Unavailable
from tieback.operations import journal as module
from tieback.operations.journal import Journal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "operations"


def written(folder: Path, *batches: dict[str, dict[str, int] | None]) -> list[bytes]:
    """A closed journal with these entries; its lines."""
    journal = Journal(folder)
    for batch in batches:
        journal.append(batch)
    journal.close()
    return (folder / "journal").read_bytes().splitlines(keepends=True)


def states(folder: Path) -> dict[str, object]:
    journal = Journal(folder)
    journal.close()
    return {name: dict(state) for name, state in journal.states.items()}


def test_the_last_state_of_each_entry_is_there_after_a_restart(folder: Path) -> None:
    written(folder, {"a": {"n": 1}, "b": {"n": 1}}, {"a": {"n": 2}}, {"b": None, "c": {"n": 3}})

    assert states(folder) == {"a": {"n": 2}, "c": {"n": 3}}


def test_whatever_part_of_a_line_was_written_is_dropped_and_the_journal_goes_on(folder: Path) -> None:
    lines = written(folder, {"a": {"n": 1}}, {"a": {"n": 2}})
    path = folder / "journal"

    for cut in range(len(lines[-1])):
        path.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
        journal = Journal(folder)
        before = {name: dict(state) for name, state in journal.states.items()}
        journal.append({"b": {"n": 9}})
        journal.close()

        assert before == {"a": {"n": 1}}
        assert journal.damage == ""
        assert states(folder) == {"a": {"n": 1}, "b": {"n": 9}}
    assert not list(folder.glob("damaged-*"))


@pytest.mark.parametrize("place", range(1, 3))
@pytest.mark.parametrize("wrong", [b"x", b"\x00", b"\xff"])
def test_a_damaged_line_is_kept_aside_and_said_and_the_others_are_used(
    folder: Path, place: int, wrong: bytes
) -> None:
    lines = written(folder, {"a": {"n": 1}}, {"b": {"n": 1}}, {"c": {"n": 1}})
    damaged = list(lines)
    damaged[place] = damaged[place][:12] + wrong + damaged[place][13:]
    assert damaged != lines
    (folder / "journal").write_bytes(b"".join(damaged))

    journal = Journal(folder)
    journal.close()

    assert sorted(journal.states) == sorted({"a", "b", "c"} - {"abc"[place - 1]})
    assert "1 of 4 lines" in journal.damage
    assert "damaged-1" in journal.damage
    assert (folder / "damaged-1").read_bytes() == b"".join(damaged)
    again = Journal(folder)
    again.close()
    assert again.damage == ""


def test_every_changed_byte_of_a_line_is_found_out(folder: Path) -> None:
    lines = written(folder, {"a": {"n": 1}}, {"b": {"n": 1}})

    for place in range(len(lines[1]) - 1):
        changed = bytearray(lines[1])
        changed[place] ^= 1
        if changed[place] == ord("\n"):
            continue
        (folder / "journal").write_bytes(lines[0] + bytes(changed) + lines[2])
        assert list(states(folder)) == ["b"], place


def test_a_second_server_is_refused_and_told_what_to_do(folder: Path) -> None:
    journal = Journal(folder)

    with pytest.raises(StartupError, match=r"in use by another server \(process \d+\); stop that server"):
        Journal(folder)

    journal.close()
    Journal(folder).close()


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(module, "VERSION", 2)
        lines = written(folder, {"a": {"n": 1}})

    for _ in range(2):  # the lock is let go of
        with pytest.raises(StartupError, match=r"newer tieback .*install that version, or move"):
            Journal(folder)

    assert (folder / "journal").read_bytes() == b"".join(lines)


def test_outdated_lines_are_left_out_once_they_are_many(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROTATE_BYTES", 1024)
    journal = Journal(folder)

    largest = 0
    for number in range(200):
        journal.append({"a": {"n": number}, "b": {"n": -number}})
        largest = max(largest, (folder / "journal").stat().st_size)
    journal.close()

    assert largest < 2048
    assert states(folder) == {"a": {"n": 199}, "b": {"n": -199}}


def test_what_a_full_disk_refused_leaves_no_trace(folder: Path) -> None:
    journal = Journal(folder)
    journal.append({"a": {"n": 1}})
    size = (folder / "journal").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(Unavailable, match="could not be noted"):
            journal.append({"b": {"n": 1}})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (folder / "journal").stat().st_size == size
    journal.append({"c": {"n": 1}})
    journal.close()

    assert sorted(states(folder)) == ["a", "c"]


def test_a_folder_that_cannot_be_used_is_told_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "operations").write_text("a file")

    with pytest.raises(StartupError, match="TIEBACK_STORE"):
        Journal(tmp_path / "operations")
