"""One form for all that is learned: what is written is read, and nothing else is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.artifacts import HEADER, PROVENANCE, STATE, Artifact, Kind, stored
from tieback.core.errors import (
    AlteredArtifact,
    ArtifactError,
    MissingArtifact,
    OtherKind,
    OtherSchema,
    OtherWeights,
)
from tieback_contract.vectors import SpaceRef

HEAD = Kind("width_head", "head", 2, "train it again: tieback train matryoshka")
WORDS = SpaceRef("words", "r1", "f1")


def small(**changes: Any) -> Artifact:
    made = Artifact(
        HEAD,
        {"head": np.eye(4, dtype=np.float32), "bias": np.arange(4, dtype=np.int64)},
        {"widths": [2, 4]},
        (WORDS,),
        {"graph.onnx": b"a graph"},
        {"seconds": 1.5, "configuration": {"steps": 3}},
    )
    return replace(made, **changes)


def test_an_artifact_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = small().save(tmp_path)

    found = Artifact.load(folder, HEAD)

    assert folder.name == found.revision == small().revision
    assert found.facts == {"widths": [2, 4]}
    assert found.made_for == (WORDS,)
    assert found.files == {"graph.onnx": b"a graph"}
    assert found.provenance == {"seconds": 1.5, "configuration": {"steps": 3}}
    assert {name: array.dtype for name, array in found.arrays.items()} == {
        "head": np.float32, "bias": np.int64,
    }  # fmt: skip
    np.testing.assert_array_equal(found.arrays["head"], np.eye(4))


def test_the_revision_is_of_the_content_and_not_of_how_it_was_made(tmp_path: Path) -> None:
    first = small().save(tmp_path)

    slower = small(provenance={"seconds": 99.0})

    assert slower.save(tmp_path) == first
    assert Artifact.load(first, HEAD).provenance["seconds"] == 1.5
    for other in (
        small(facts={"widths": [4]}),
        small(made_for=()),
        small(files={}),
        small(arrays={"head": 2 * np.eye(4, dtype=np.float32)}),
        small(kind=replace(HEAD, schema=3)),
    ):
        assert other.revision != first.name


@pytest.mark.parametrize("name", [HEADER, STATE, PROVENANCE, "graph.onnx"])
def test_an_artifact_with_one_byte_altered_is_refused_wherever_the_byte_is(name: str, tmp_path: Path) -> None:
    folder = small().save(tmp_path)
    whole = (folder / name).read_bytes()

    for place in range(0, len(whole), max(1, len(whole) // 40)):
        altered = bytearray(whole)
        altered[place] ^= 1
        (folder / name).write_bytes(altered)
        with pytest.raises(AlteredArtifact, match=r"head .* is corrupt: .*train it again: tieback train"):
            Artifact.load(folder, HEAD)

    (folder / name).write_bytes(whole)
    assert Artifact.load(folder, HEAD).revision == folder.name


@pytest.mark.parametrize("name", [HEADER, STATE, PROVENANCE, "graph.onnx"])
def test_an_artifact_that_lacks_a_file_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    folder = small().save(tmp_path)
    (folder / name).unlink()

    with pytest.raises(MissingArtifact, match=rf"{name}: No such file.*tieback train matryoshka"):
        Artifact.load(folder, HEAD)


def test_an_artifact_of_a_newer_schema_asks_for_the_release_that_wrote_it(tmp_path: Path) -> None:
    newer = small(kind=replace(HEAD, schema=3)).save(tmp_path)
    older = small(kind=replace(HEAD, schema=1)).save(tmp_path)

    with pytest.raises(OtherSchema, match=r"version 3, and this release reads 2: install the release that"):
        Artifact.load(newer, HEAD)
    with pytest.raises(OtherSchema, match=r"version 1 of an earlier release.*tieback train matryoshka"):
        Artifact.load(older, HEAD)


def test_an_artifact_of_another_kind_is_refused(tmp_path: Path) -> None:
    folder = small(kind=replace(HEAD, name="joint_space")).save(tmp_path)

    with pytest.raises(OtherKind, match=r"is no head: its kind is 'joint_space'; train it again"):
        Artifact.load(folder, HEAD)


@pytest.mark.parametrize("there", [SpaceRef("words", "r2", "f1"), SpaceRef("words", "r1", "f2")])
def test_an_artifact_made_for_other_weights_is_refused_with_both_named(there: SpaceRef) -> None:
    small().check_weights([WORDS])
    with pytest.raises(OtherWeights, match=rf"words@r1 \(fingerprint f1\), and {there} .*train it again"):
        small().check_weights([there])
    with pytest.raises(OtherWeights, match=r"the space 'words', which is not served"):
        small().check_weights([])


def test_a_damaged_artifact_is_replaced_by_the_same_written_anew(tmp_path: Path) -> None:
    folder = small().save(tmp_path)
    (folder / STATE).write_bytes(b"")

    again = small().save(tmp_path)

    assert again == folder
    assert Artifact.load(folder, HEAD).revision == folder.name
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]
    assert not (folder / "damaged").exists()


@each("name", [HEADER, "a/b", ".hidden", ".."])
def test_a_file_cannot_take_the_place_of_the_artifacts_own_or_lie_elsewhere(name: str) -> None:
    with pytest.raises(ValueError, match="has no room for a file named"):
        _ = small(files={name: b""}).revision


def test_a_header_whose_arrays_are_not_there_is_refused(tmp_path: Path) -> None:
    header, state = small()._content()
    said = json.loads(header) | {"same": {"other": "nowhere"}}
    from tieback.artifacts.artifact import _revision

    folder = small().save(tmp_path)
    (folder / HEADER).write_text(json.dumps(said))
    moved = folder.rename(tmp_path / _revision((folder / HEADER).read_bytes(), state))

    with pytest.raises(ArtifactError, match=r"cannot be read: 'nowhere'"):
        Artifact.load(moved, HEAD)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from tieback.artifacts import Artifact, Kind
kind = Kind("width_head", "head", 2, "again")
print("ready", flush=True)
for number in range(10_000):
    arrays = {"head": np.full((200, 200), number, np.float32)}
    Artifact(kind, arrays, files={"graph": bytes(100_000)}).save(Path(sys.argv[1]))
"""


def test_a_killed_writer_leaves_nothing_that_is_listed_and_not_whole(tmp_path: Path) -> None:
    for number in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(0.3 + 0.013 * number)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()

    found = stored(tmp_path)

    assert found
    for folder in found:
        assert Artifact.load(folder, HEAD).revision == folder.name
