"""Files that are too large for memory: listed, signed, and held against their hashes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tieback.artifacts import HEADER, FileSet, Kind, described, faults
from tieback.artifacts.artifact import signed
from tieback.core.errors import AlteredArtifact, ArtifactError, MissingArtifact, OtherKind, OtherSchema

GRAPHS = Kind("graphs", "graph folder", 2, "export it again")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "table.bin").write_bytes(bytes(range(200)))
    (tmp_path / "graph.onnx").write_bytes(b"a graph")
    return tmp_path


def made(folder: Path, kind: Kind = GRAPHS) -> FileSet:
    weights = {f"weights/{name}": file for name, file in described(folder / "weights").items()}
    return FileSet(kind, {**described(folder), **weights}, {"name": "small"}, {"seconds": 1.5})


def test_what_is_written_is_read_and_every_file_is_right(folder: Path) -> None:
    made(folder).write(folder)

    found = FileSet.read(folder, GRAPHS)

    assert found == made(folder)
    assert sorted(found.files) == ["graph.onnx", "weights/table.bin"]
    assert list(faults(folder, found.files)) == []
    assert {path.name for path in folder.iterdir()} == {HEADER, "graph.onnx", "weights"}


def test_a_header_with_one_byte_altered_is_refused_wherever_the_byte_is(folder: Path) -> None:
    made(folder).write(folder)
    whole = (folder / HEADER).read_bytes()

    for place in range(len(whole)):
        (folder / HEADER).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(AlteredArtifact, match=r"graph folder .* is corrupt: .*; export it again"):
            FileSet.read(folder, GRAPHS)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"sha256": "0"}'])
def test_a_header_of_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / HEADER).write_text(text)

    with pytest.raises(AlteredArtifact, match=f"{HEADER} is not what was written; export it again"):
        FileSet.read(folder, GRAPHS)


def test_a_folder_without_a_header_holds_nothing(folder: Path) -> None:
    with pytest.raises(MissingArtifact, match=f"there is no graph folder .*{HEADER}: No such file"):
        FileSet.read(folder, GRAPHS)


def test_another_kind_or_schema_is_refused_with_what_to_do(folder: Path) -> None:
    made(folder).write(folder)

    with pytest.raises(OtherKind, match="is no graph folder: its kind is 'graphs'; export it again"):
        FileSet.read(folder, replace(GRAPHS, name="media"))
    with pytest.raises(OtherSchema, match="version 2, and this release reads 1: install the release that"):
        FileSet.read(folder, replace(GRAPHS, schema=1))
    with pytest.raises(OtherSchema, match="version 2 of an earlier release, and this one reads 3; export"):
        FileSet.read(folder, replace(GRAPHS, schema=3))


def test_a_signed_header_that_lacks_something_is_refused(folder: Path) -> None:
    made(folder).write(folder)
    content = json.loads((folder / HEADER).read_text())["content"]
    del content["facts"]
    (folder / HEADER).write_bytes(signed("content", content))

    with pytest.raises(ArtifactError, match="cannot be read: 'facts'; export it again"):
        FileSet.read(folder, GRAPHS)


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(b"a grap"), "has 6 bytes instead of 7"),
        (lambda path: path.write_bytes(b"a grapH"), "is corrupt"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_named(folder: Path, damage: object, fault: str) -> None:
    assert callable(damage)
    made(folder).write(folder)
    damage(folder / "graph.onnx")

    ((path, found),) = faults(folder, FileSet.read(folder, GRAPHS).files)

    assert path == folder / "graph.onnx"
    assert found.startswith(fault)
