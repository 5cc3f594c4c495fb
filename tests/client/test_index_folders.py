"""`tieback index` against a real index: nothing is lost, and nothing of another folder is touched."""

from __future__ import annotations

import ctypes
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.small_library import small_library
from support.terminal import in_a_terminal
from tieback_client import Client, Item
from tieback_client.cli import app
from tieback_client.cli import index as indexing

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with small_library(tmp_path_factory.mktemp("library")) as served:
        yield served


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """Its only collection is "docs", which is new."""
    with Client(address) as made:
        for one in list(made.collections()):
            made.delete_collection(one.name)
        yield made


@pytest.fixture
def run(address: str, client: Client) -> Run:
    """Runs `tieback index -c docs`, or with `command` another one."""

    def invoke(*words: str | Path, command: str = "index", **options: Any) -> Result:
        arguments = [*command.split(), *(["-c", "docs"] if command == "index" else []), *map(str, words)]
        return CliRunner().invoke(app.tieback, arguments, env={"TIEBACK_SERVER": address}, **options)

    return invoke


@pytest.fixture
def ids(client: Client) -> Callable[[], list[str]]:
    return lambda: [one.id for one in client.items("docs")]


def write(folder: Path, *names: str) -> Path:
    """A folder with these files."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"The words of {folder.name} {name}.\n")
    return folder


def text_of(client: Client, id: str) -> str:
    return str(client.get("docs", id).sections[0].content)


def test_two_folders_of_one_name_keep_all_their_files(tmp_path: Path, run: Run, ids: Any) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt")
    second = write(tmp_path / "svc3" / "docs", "a.txt", "c.txt")

    result = run(first, second)

    assert result.exit_code == 0, result.output
    assert ids() == ["docs/a.txt", "docs/b.txt", "svc3-docs/a.txt", "svc3-docs/c.txt"]
    assert f"{second} is the source svc3-docs: its items are svc3-docs/…" in result.stderr


def test_a_folder_keeps_its_name_whatever_is_indexed_later_and_in_whatever_order(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    first, second = write(tmp_path / "a" / "docs", "x.txt"), write(tmp_path / "b" / "docs", "x.txt")
    run(second)
    run(first)

    again = run(first, second)

    assert "2 unchanged" in again.stdout
    assert ids() == ["a-docs/x.txt", "docs/x.txt"]


def test_two_files_of_one_name_are_two_items(tmp_path: Path, run: Run, ids: Any, client: Client) -> None:
    write(tmp_path / "a", "README.md")
    write(tmp_path / "b", "README.md")

    run(tmp_path / "a" / "README.md", tmp_path / "b" / "README.md")

    assert ids() == ["a/README.md", "b/README.md"]
    assert text_of(client, "a/README.md") == "The words of a README.md."


def test_pruning_a_folder_leaves_another_of_its_name_alone(tmp_path: Path, run: Run, ids: Any) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt", "c.txt")
    second = write(tmp_path / "svc3" / "docs", "d.txt")
    run(first)
    run(second)
    (first / "a.txt").unlink()

    run(second, "--prune")
    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/c.txt", "svc3-docs/d.txt"]
    run(first, "--prune")
    assert ids() == ["docs/b.txt", "docs/c.txt", "svc3-docs/d.txt"]


def test_pruning_removes_nothing_that_another_program_wrote(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "c.txt")
    run(folder)
    client.ingest("docs", [Item("docs/by-hand.txt", "Written by hand.")]).collect()
    (folder / "a.txt").unlink()

    run(folder, "--prune")

    assert ids() == ["docs/b.txt", "docs/by-hand.txt", "docs/c.txt"]


def test_a_name_under_which_others_have_written_is_not_taken(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    client.ingest("docs", [Item("notes/a.txt", "Written by hand.")]).collect()
    folder = write(tmp_path / "mine" / "notes", "a.txt")

    run(folder)

    assert ids() == ["mine-notes/a.txt", "notes/a.txt"]
    assert text_of(client, "notes/a.txt") == "Written by hand."


@pytest.mark.parametrize("left", [[], ["e.txt", "f.txt"]])
def test_a_folder_that_is_empty_or_lost_more_than_half_is_not_pruned_unless_it_is_meant(
    tmp_path: Path, run: Run, ids: Any, left: list[str]
) -> None:
    folder = write(tmp_path / "docs", *(f"{letter}.txt" for letter in "abcdef"))
    run(folder)
    before = ids()
    for path in folder.iterdir():
        if path.name not in left:
            path.unlink()
    write(folder, *(["new.txt"] if left else []))

    refused = run(folder, "--prune")

    assert refused.exit_code == 1
    assert ids() == before
    expected = "4 of the 6 files" if left else "holds no file, and 6 files were indexed from it"
    assert expected in refused.stderr
    assert "--yes" in refused.stderr
    as_json = json.loads(run(folder, "--prune", "--json").stderr)
    assert expected in as_json["error"]["message"]

    meant = run(folder, "--prune", "--yes")

    assert meant.exit_code == 0, meant.output
    assert ids() == [f"docs/{name}" for name in [*left, *(["new.txt"] if left else [])]]


def test_without_pruning_an_empty_folder_removes_nothing(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    (folder / "a.txt").unlink()

    result = run(folder)

    assert result.exit_code == 0
    assert f"1 file is gone from {folder}, and what was indexed is kept; --prune removes it" in result.stderr
    assert ids() == ["docs/a.txt"]


def test_half_of_a_folder_may_go_without_a_question(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt")
    run(folder)
    (folder / "a.txt").unlink()

    assert "1 removed" in run(folder, "--prune").stdout
    assert ids() == ["docs/b.txt"]


def test_pruning_a_sub_folder_is_confined_to_it(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "old/c.txt", "old/d.txt", "older/e.txt")
    run(folder)
    for name in ("a.txt", "old/c.txt", "older/e.txt"):
        (folder / name).unlink()

    run(folder / "old", "--prune")

    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/old/d.txt", "docs/older/e.txt"]


def test_a_file_is_the_same_item_alone_by_its_folder_and_by_a_folder_around_it(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "library", "notes/a.txt", "notes/b.txt", "c.txt")
    run(folder / "notes" / "a.txt")
    assert ids() == ["notes/a.txt"]

    run(folder / "notes")
    assert ids() == ["notes/a.txt", "notes/b.txt"]
    result = run(folder, folder / "notes" / "b.txt", folder / "c.txt")

    assert ids() == ["library/c.txt", "notes/a.txt", "notes/b.txt"]
    assert "2 unchanged" in result.stdout
    run(folder / "c.txt")
    assert ids() == ["library/c.txt", "notes/a.txt", "notes/b.txt"]


def test_pruning_a_folder_prunes_the_sources_within_it_as_sources_of_their_own(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    folder = write(tmp_path / "library", "notes/a.txt", "notes/b.txt", "c.txt")
    run(folder / "notes")
    run(folder)
    (folder / "notes" / "b.txt").unlink()

    run(folder, "--prune")

    assert ids() == ["library/c.txt", "notes/a.txt"]


def test_a_folder_that_moved_keeps_its_ids_by_its_name(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    write(tmp_path / "old" / "docs", "a.txt", "b.txt", "c.txt")
    run(tmp_path / "old" / "docs")
    shutil.move(tmp_path / "old", tmp_path / "new")
    (tmp_path / "new" / "docs" / "a.txt").unlink()

    result = run(tmp_path / "new" / "docs", "--source", "docs", "--prune")

    assert "2 unchanged, 1 removed" in result.stdout
    assert f"the source docs is {tmp_path}/new/docs now; before it was {tmp_path}/old/docs" in (
        result.stderr.replace("\n", " ")
    )
    assert ids() == ["docs/b.txt", "docs/c.txt"]
    again = run(tmp_path / "new" / "docs")
    assert "2 unchanged" in again.stdout
    assert ids() == ["docs/b.txt", "docs/c.txt"]
    (source,) = client.get_collection("docs").sources
    assert (source.location, source.item_count) == (str(tmp_path / "new" / "docs"), 2)


def test_a_folder_that_may_have_moved_is_told_of(tmp_path: Path, run: Run) -> None:
    run(write(tmp_path / "docs", "a.txt"))
    (tmp_path / "docs").rename(tmp_path / "handbook")

    result = run(tmp_path / "handbook", "--dry-run")

    assert f"the source docs is not at {tmp_path}/docs any more" in result.stderr
    assert "with --source docs" in result.stderr


@pytest.mark.parametrize(("answer", "left"), [("n", ["docs/a.txt"]), ("y", [])])
def test_in_a_terminal_one_is_asked_before_most_of_a_folder_is_removed(
    tmp_path: Path, run: Run, ids: Any, address: str, answer: str, left: list[str]
) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    (folder / "a.txt").unlink()

    shown = in_a_terminal(
        address, "index", str(folder), "-c", "docs", "--prune", answers=f"{answer}\n", exit_codes=(0, 1)
    )

    assert "Remove what was indexed from 1 file?" in shown
    assert ids() == left


def test_a_folder_can_be_named(tmp_path: Path, run: Run, ids: Any) -> None:
    run(write(tmp_path / "checkout" / "docs", "a.txt"), "--source", "handbook")

    assert ids() == ["handbook/a.txt"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "--source", "docs"], "a and {tmp}/b could have the same ids"),
        (["a/x.txt", "b/x.txt", "--source", "docs"], "a and {tmp}/b could have the same ids"),
        (["known/sub", "--source", "other"], "{tmp}/known/sub belongs to the source known"),
        ([".", "--source", "known"], "{tmp} is a folder around it"),
        (["a/x.txt", "--source", "known"], "if the source has moved, name its folder"),
        (["a", "--source", "x/y"], "'x/y' is no name of a source"),
    ],
)
def test_what_would_share_ids_is_refused_before_anything_is_written(
    tmp_path: Path, run: Run, ids: Any, monkeypatch: pytest.MonkeyPatch, words: list[str], message: str
) -> None:
    for name in ("a", "b", "known", "known/sub"):
        write(tmp_path / name, "x.txt")
    monkeypatch.chdir(tmp_path)
    run("known")
    before = ids()

    result = run(*words)

    assert result.exit_code == 1
    assert message.format(tmp=tmp_path) in " ".join(result.stderr.split())
    assert ids() == before


def test_the_same_path_on_another_machine_is_not_taken_for_the_same_folder(
    tmp_path: Path, run: Run, ids: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "docs", "a.txt")
    run(folder)
    write(folder, "b.txt")
    monkeypatch.setattr(indexing.socket, "gethostname", lambda: "Elsewhere.example.org")

    refused = run(folder)

    assert refused.exit_code == 1
    assert "and this is elsewhere: if it is the same folder, say --source docs" in refused.stderr
    assert ids() == ["docs/a.txt"]
    assert run(folder, "--source", "docs").exit_code == 0
    assert ids() == ["docs/a.txt", "docs/b.txt"]


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


def test_what_is_hidden_or_excluded_now_is_not_gone(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", "a.txt", "old/b.txt", ".c.txt")
    run(folder, folder / ".c.txt")
    before = ids()

    run(folder, "--exclude", "old/*", "--prune")

    assert before == ["docs/.c.txt", "docs/a.txt", "docs/old/b.txt"]
    assert ids() == before


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    tmp_path: Path, run: Run, ids: Any, client: Client
) -> None:
    folder = write(tmp_path / "docs", "a.txt", "b.txt", "c.txt")
    assert "3 files would be indexed" in run(folder, "--dry-run").stderr
    assert [one.name for one in client.collections()] == []
    run(folder)
    (folder / "a.txt").unlink()
    (folder / "b.txt").write_text("Other words.")
    write(folder, "d.txt")

    shown = run(folder, "--prune", "--dry-run")
    record = json.loads(run(folder, "--prune", "--dry-run", "--json").stdout)

    assert shown.stdout.splitlines() == ["new\tdocs/d.txt", "changed\tdocs/b.txt", "gone\tdocs/a.txt"]
    assert (record["new"], record["changed"], record["removed"]) == (
        ["docs/d.txt"],
        ["docs/b.txt"],
        ["docs/a.txt"],
    )
    assert record["written"] == 0
    assert ids() == ["docs/a.txt", "docs/b.txt", "docs/c.txt"]
    assert text_of(client, "docs/b.txt") == "The words of docs b.txt."


def test_a_collection_shows_its_sources_and_forgets_one_with_its_items(
    tmp_path: Path, run: Run, ids: Any
) -> None:
    first = write(tmp_path / "svc2" / "docs", "a.txt", "b.txt")
    second = write(tmp_path / "svc3" / "docs", "a.txt")
    run(first, second)

    lines = run("docs", command="collections show").stdout.splitlines()
    forgotten = run("docs", "docs", "--yes", command="collections forget")

    cells = [line.split("\t") for line in lines]
    assert [(one[0], one[1], one[4]) for one in cells if len(one) == 5] == [
        ("docs", "2", str(first)),
        ("svc3-docs", "1", str(second)),
    ]
    assert "removed docs with 2 items" in forgotten.stderr
    assert ids() == ["svc3-docs/a.txt"]
    unknown = run("docs", "nope", "--yes", command="collections forget")
    assert "no source is named 'nope'" in unknown.stderr


def test_more_items_are_removed_than_a_request_takes(tmp_path: Path, run: Run, ids: Any) -> None:
    folder = write(tmp_path / "docs", *(f"{number}.txt" for number in range(1100)))
    run(folder, "--batch", "1024")
    assert len(ids()) == 1100
    for number in range(1050):
        (folder / f"{number}.txt").unlink()

    result = run(folder, "--prune", "--yes")

    assert "50 unchanged, 1050 removed" in result.stdout
    assert len(ids()) == 50
