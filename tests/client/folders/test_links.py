"""Links, and what cannot be read, in a folder that is indexed."""

from __future__ import annotations

import ctypes
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.command_line import Run
from support.written_files import write


def test_links_out_of_a_folder_are_followed_only_where_asked(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    outside = write(tmp_path / "etc", "secret.txt", "more/b.txt")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "sub").symlink_to(outside / "more")

    result = run(folder)

    assert ids() == ["docs/a.txt"]
    assert "leads out of the folder (--follow-links): docs/link.txt, docs/sub" in result.stderr
    named = run(folder / "link.txt")
    assert named.exit_code == 1
    assert f"it is a link to {outside}/secret.txt" in named.stderr.replace("\n", "")
    run(folder, "--follow-links")
    assert ids() == ["docs/a.txt", "docs/link.txt", "docs/sub/b.txt"]
    run(folder, "--prune")
    assert ids() == ["docs/a.txt", "docs/link.txt", "docs/sub/b.txt"]


def test_links_within_a_folder_are_no_second_items_and_no_endless_way(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "sub/b.txt")
    outside = write(tmp_path / "other", "c.txt")
    (folder / "again.txt").symlink_to(folder / "a.txt")
    (folder / "sub" / "up").symlink_to(folder)
    (folder / "out").symlink_to(outside)
    (outside / "back").symlink_to(folder)
    (outside / "self").symlink_to(outside)

    run(folder, "--follow-links")

    assert ids() == ["docs/a.txt", "docs/out/c.txt", "docs/sub/b.txt"]
    run(folder / "again.txt")
    assert ids() == ["docs/a.txt", "docs/out/c.txt", "docs/sub/b.txt"]


def test_a_folder_that_is_a_link_is_the_folder_that_it_leads_to(tmp_path: Path, run: Run, ids: Any) -> None:
    release = write(tmp_path / "releases" / "41", "a.txt")
    (tmp_path / "current").symlink_to(release)

    run(tmp_path / "current")
    run(release)

    assert ids() == ["current/a.txt"]


@contextmanager
def without_privileges() -> Iterator[None]:
    """Has this thread, where it is root's, read files as nobody; other threads stay what they are."""
    libc = ctypes.CDLL(None)
    if os.geteuid() == 0:
        libc.setfsuid(65534)
    yield
    if os.geteuid() == 0:
        libc.setfsuid(0)


@pytest.mark.skipif(sys.platform != "linux", reason="needs setfsuid where the tests run as root")
def test_what_cannot_be_read_is_told_and_not_pruned(run: Run, ids: Any) -> None:
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = write(Path(name) / "docs", "a.txt", "b.txt", "closed/c.txt")
        run(folder)
        (folder / "closed").chmod(0)
        (folder / "b.txt").chmod(0)
        with without_privileges():
            result = run(folder, "--prune")
            named = run(folder / "b.txt")
            below = run(folder / "closed", "--prune", "--yes")

    assert (result.exit_code, named.exit_code, below.exit_code) == (1, 1, 1)
    assert re.search(r"failed +docs/closed/ +cannot list it: Permission denied", result.stderr)
    assert re.search(r"failed +docs/b.txt +cannot read it: Permission denied", result.stderr)
    assert "docs/b.txt  cannot read it: Permission denied" in named.stderr
    assert "docs/closed/  cannot list it: Permission denied" in below.stderr
    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/closed/c.txt"]


def test_a_name_that_is_no_text_fails_alone(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.txt")).write_text("Coffee.")

    result = run(folder)

    assert result.exit_code == 1
    assert r"docs/caf\xe9.txt  its name is not UTF-8" in result.stderr
    assert ids() == ["docs/a.txt"]


def test_links_that_lead_back_to_themselves_are_a_line_each_and_end_nothing(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "sub/b.txt")
    (folder / "loop").symlink_to("loop")
    (folder / "one").symlink_to("two")
    (folder / "two").symlink_to("one")
    (folder / "under").symlink_to("loop/more.txt")

    for options in (["--gitignore"], ["--follow-links"], ["--exclude", "loop", "--dry-run"]):
        told = " ".join(run(folder, *options).stderr.split())
        for name in ("loop", "one", "two", "under"):
            fault = f"failed docs/{name} it is a link that leads back to itself"
            assert (fault in told) == (name not in options)

    assert ids() == ["docs/a.txt", "docs/sub/b.txt"]
    assert run(folder / "a.txt", "--exclude", "loop").exit_code == 0


def test_what_is_no_file_is_counted_by_its_kind_and_never_waited_for(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "sub/b.txt")
    os.mkfifo(folder / "pipe")
    os.mkfifo(folder / "pipe.txt")
    os.mkfifo(folder / "sub" / ".gitignore")
    (folder / "zero.txt").symlink_to("/dev/zero")
    os.mknod(folder / "socket", stat.S_IFSOCK | 0o600)

    result = run(folder, "--gitignore", "--follow-links")

    assert result.exit_code == 0
    assert "4 of other kinds (2 named pipe, 1 socket, 1 device)" in " ".join(result.stdout.split())
    assert ids() == ["docs/a.txt", "docs/sub/b.txt"]
