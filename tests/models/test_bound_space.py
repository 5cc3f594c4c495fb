"""The artifact of a bound joint space."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tieback.core.errors import StartupError
from tieback.core.types import Modality, SpaceRef
from tieback.models.bound_space import HEADER, STATE, Block, BoundPath, BoundRouter, BoundSpace, BoundStandIn

TEXT, IMAGE = SpaceRef("words", "r1", "f1"), SpaceRef("eyes", "r2", "f2")


def small() -> BoundSpace:
    return BoundSpace(
        (Block(TEXT, Modality.TEXT, 4),),
        (
            BoundPath(TEXT, 4, "words"),
            BoundPath(IMAGE, 6, "words", "affine", {}, {"matrix": np.ones((6, 4), np.float32)}),
        ),
        (
            BoundRouter(
                Modality.TEXT,
                ("words",),
                "learned",
                {"sharpness": 10.0},
                {"w": np.eye(4, dtype=np.float32)},
                {"words": (0.9, 1.0)},
                {"words": 1.0},
            ),
        ),
        {"text": {"words": 55.0}},
        {"retrieval": []},
        {"seed": 7},
    )


def test_a_binding_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = small().save(tmp_path)

    found = BoundSpace.load(folder)

    assert folder.name == small().revision == found.revision
    assert found.blocks == small().blocks
    assert [(path.source, path.block, path.method) for path in found.paths] == [
        (TEXT, "words", "native"),
        (IMAGE, "words", "affine"),
    ]
    assert np.array_equal(found.paths[1].state["matrix"], np.ones((6, 4)))
    assert found.routers[0].usual == {"words": (0.9, 1.0)}
    assert found.losses == {"text": {"words": 55.0}}


def test_what_stands_in_for_lost_spaces_is_kept_at_half_precision(tmp_path: Path) -> None:
    state = {"map.0.1": np.eye(4, dtype=np.float16)}
    ways = (BoundStandIn("substitute", {}, state, {"text": {"words": 1.0}}), BoundStandIn("skip"))

    found = BoundSpace.load(replace(small(), stand_ins=ways).save(tmp_path))

    assert [one.method for one in found.stand_ins] == ["substitute", "skip"]
    assert found.stand_ins[0].state["map.0.1"].dtype == np.float16
    assert found.stand_ins[0].losses == {"text": {"words": 1.0}}
    assert found.revision != small().revision


def test_a_binding_from_before_anything_stood_in_keeps_its_revision(tmp_path: Path) -> None:
    folder = small().save(tmp_path)

    assert "stand_ins" not in json.loads((folder / HEADER).read_bytes())
    assert BoundSpace.load(folder).stand_ins == ()
    assert BoundSpace.load(folder).revision == folder.name


@pytest.mark.parametrize("name", [HEADER, STATE])
def test_one_byte_that_differs_is_found(name: str, tmp_path: Path) -> None:
    folder = small().save(tmp_path)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)

    with pytest.raises(StartupError, match=r"corrupt.*tieback bind"):
        BoundSpace.load(folder)


def test_a_binding_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"there is no binding at .*tieback bind"):
        BoundSpace.load(tmp_path / "0123456789ab")


def test_a_native_path_of_another_width_does_not_fit_its_block(tmp_path: Path) -> None:
    wrong = BoundSpace((Block(TEXT, Modality.TEXT, 4),), (BoundPath(TEXT, 5, "words"),))

    with pytest.raises(StartupError, match="words has width 5 and its block 4"):
        BoundSpace.load(wrong.save(tmp_path))


def test_a_changed_encoder_refuses_the_binding_and_says_how_to_bind_again() -> None:
    small().check([TEXT, IMAGE])
    with pytest.raises(StartupError, match=r"was made with eyes@r2.*eyes@r3.*tieback bind"):
        small().check([TEXT, SpaceRef("eyes", "r3", "f2")])
    with pytest.raises(StartupError, match="binds the space 'eyes', which is not served"):
        small().check([TEXT])
