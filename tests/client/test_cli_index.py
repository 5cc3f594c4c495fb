"""Indexing files from the command line: what became of each is told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.canned.describing import MESSAGE_BYTES
from support.command_line import Run, documents
from support.present import present
from tieback_client import Client, SpaceRef
from tieback_client.messages.writing_items import sections
from tieback_contract.method_choice import MethodChoice
from tieback_contract.token_vectors import TokenVectors


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A folder of each kind of file, some of which cannot be indexed."""
    folder = tmp_path / "library"
    (folder / "old").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "tides.md").write_text(
        "# Tides\n\nWater.\n\n## The moon\n\nIt pulls.\n\n## The sun\n\nIt helps.\n"
    )
    (folder / "plain.txt").write_text("Plain words.\n")
    (folder / "old" / "draft.txt").write_text("A draft.\n")
    (folder / "photo_of-sea.jpg").write_bytes(b"\xff\xd8\xffa picture")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "photo.txt").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "table.ods").write_bytes(b"PK\x03\x04\0cells")
    (folder / ".hidden" / "secret.txt").write_text("secret")
    return folder


def test_a_folder_is_indexed_and_each_failure_is_told(run: Run, library: Path, served: Any) -> None:
    result = run("index", str(library), "-c", "notes", "--exclude", "old/*")

    assert result.exit_code == 1
    summary = "4 files indexed (2 text, 1 image, 1 markdown; 6 sections), 1 of other kinds (1 .ods), 2 failed"
    assert summary in " ".join(result.stdout.split())
    assert re.search(r"failed +library/photo.txt +it is a PNG picture, not text", result.stderr)
    assert re.search(r"failed +library/broken.png +the picture cannot be decoded", result.stderr)
    with Client(served.address) as client:
        items = {one.id: one for one in client.items("notes")}
    assert sorted(items) == [
        "library/latin.txt",
        "library/photo_of-sea.jpg",
        "library/plain.txt",
        "library/tides.md",
    ]
    assert sections(items["library/latin.txt"])[0].content == "café"
    assert items["library/photo_of-sea.jpg"].title == "photo of sea"
    tides = items["library/tides.md"]
    assert [(one.id, one.title, one.content) for one in sections(tides)] == [
        ("1", "Tides", "Water."),
        ("1.1", "The moon", "It pulls."),
        ("1.2", "The sun", "It helps."),
    ]
    assert sections(tides)[1].uri == "library/tides.md#L7"


def test_a_collection_can_be_made_with_a_routing_of_its_own(run: Run, library: Path, served: Any) -> None:
    run("index", str(library), "-c", "even", "--routing", "uniform")
    run("index", str(library), "-c", "tilted", "--weights", "tiny=3,other=1")
    both = run("index", str(library), "-c", "no", "--weights", "tiny=3", "--routing", "uniform")

    with Client(served.address) as client:
        even, tilted = client.get_collection("even"), client.get_collection("tilted")
        assert (even.policy, even.weights) == ("uniform", {})
        assert tilted.weights == {"tiny": 3, "other": 1}
        assert "no" not in [one.name for one in client.collections()]
    assert both.exit_code == 2
    assert "leave --routing out" in both.output


def test_a_collection_can_be_made_with_a_codec_of_its_own(run: Run, library: Path, served: Any) -> None:
    run("index", str(library), "-c", "signs", "--codec", "binary")

    shown = run("collections", "show", "signs").stdout.splitlines()

    assert "codec\tbinary" in shown
    assert "vectors in memory\t1.5 MB" in shown


def test_a_collection_can_be_made_with_vectors_of_tokens(run: Run, library: Path, served: Any) -> None:
    run("index", str(library), "-c", "plain", "--token-vectors")
    how = ("--token-pooling", "4", "--token-codec", "binary", "--token-space", "tiny")
    run("index", str(library), "-c", "told", *how)

    with Client(served.address) as client:
        plain, told = (present(client.get_collection(name).token_vectors) for name in ("plain", "told"))
    assert plain == TokenVectors()
    assert (told.pooling, told.codec) == (MethodChoice("", {"factor": 4}), MethodChoice("binary"))
    assert isinstance(told.space, SpaceRef)
    assert told.space.name == "tiny"
    shown = run("collections", "show", "told").stdout
    assert "token vectors\ttiny,  (factor=4), binary" in shown


def test_arrays_are_of_another_kind_where_no_space_takes_clouds(run: Run, library: Path) -> None:
    np.save(library / "vectors.npy", np.zeros((4, 8)))

    result = run("index", str(library), "-c", "notes", "--exclude", "old/*")

    assert "2 of other kinds (1 .ods, 1 .npy)" in " ".join(result.stdout.split())


def test_indexing_again_skips_what_is_unchanged_and_prunes_what_is_gone(run: Run, library: Path) -> None:
    run("index", str(library), "-c", "notes")
    (library / "plain.txt").write_text("Changed.\n")
    (library / "tides.md").unlink()

    again = documents(run("index", str(library), "-c", "notes", "--json", "--prune"))[0]

    assert (again["written"], again["unchanged"], again["removed"]) == (1, 3, ["library/tides.md"])
    assert sorted(again["failures"]) == ["library/broken.png", "library/photo.txt"]


def test_what_became_of_long_texts_is_told_once_for_all_files(run: Run, tmp_path: Path) -> None:
    for name in ("lengthy one.md", "lengthy two.md", "short.md"):
        (tmp_path / name).write_text("# Tides\n\nThe moon pulls the sea.\n")

    told = run("index", str(tmp_path), "-c", "notes").output.replace("\n", " ")
    report = documents(run("index", str(tmp_path), "-c", "notes", "--force", "--json"))[0]

    dry = run("index", str(tmp_path), "-c", "notes", "--force", "--dry-run").output.replace("\n", " ")

    assert "3 sections, 7 after long ones were split" in told
    assert "3 sections before long ones are split" in dry
    assert "2 sections longer than a space's window were split into 6" in told
    assert "tiny has a window of 128 tokens and did not read the ends of 2 sections (80 tokens)" in told
    assert (report["split_sections"], report["added_sections"]) == (2, 4)
    assert report["truncated"] == {"tiny": {"sections": 2, "tokens": 80, "window": 128}}


def test_a_file_over_the_servers_limit_fails_alone(run: Run, library: Path) -> None:
    (library / "huge.wav").write_bytes(bytes(MESSAGE_BYTES))

    report = documents(run("index", str(library), "--json"))[0]

    assert "limit for a message is 6,291,456" in report["failures"]["library/huge.wav"]
    assert report["written"] == 5


def test_a_folder_in_which_nothing_can_be_indexed_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    result = run("index", str(tmp_path / "empty"))

    assert result.exit_code == 0
    assert "no files were found" in result.stderr
    (tmp_path / "empty/tides.md").write_text("# Tides")
    assert "no files" not in run("index", str(tmp_path / "empty")).stderr


def test_a_link_to_nothing_is_told(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tides.md").write_text("# Tides")
    (folder / "gone.md").symlink_to("nowhere.md")

    result = run("index", str(folder))

    assert result.exit_code == 1
    assert "notes/gone.md" in result.stderr
    assert "which does not exist" in result.stderr
