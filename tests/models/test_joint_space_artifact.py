"""The artifact of a bound joint space."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from tieback.artifacts import HEADER, STATE
from tieback.artifacts.packed_arrays import LARGE, rounded
from tieback.core.errors import AlteredArtifact, OtherSchema, OtherWeights, StartupError
from tieback.models.joint.artifact import (
    BINDING,
    BoundImputation,
    BoundProjection,
    BoundRouter,
    JointSpaceArtifact,
    SpaceBlock,
)
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef

TEXT, IMAGE = SpaceRef("words", "r1", "f1"), SpaceRef("eyes", "r2", "f2")


def small() -> JointSpaceArtifact:
    return JointSpaceArtifact(
        (SpaceBlock(TEXT, Modality.TEXT, 4),),
        (
            BoundProjection(TEXT, 4, "words"),
            BoundProjection(IMAGE, 6, "words", "affine", {}, {"matrix": np.ones((6, 4), np.float32)}),
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

    found = JointSpaceArtifact.load(folder)

    assert folder.name == small().revision == found.revision
    assert found.blocks == small().blocks
    assert [(one.source, one.block, one.method) for one in found.projections] == [
        (TEXT, "words", "native"),
        (IMAGE, "words", "affine"),
    ]
    assert np.array_equal(found.projections[1].state["matrix"], np.ones((6, 4)))
    assert found.routers[0].weight_ranges == {"words": (0.9, 1.0)}
    assert found.routers[0].mean_weights == {"words": 1.0}
    assert found.losses == {"text": {"words": 55.0}}


def test_what_is_stored_has_the_names_of_the_code(tmp_path: Path) -> None:
    made = replace(small(), imputations=(BoundImputation("skip"),))
    kinds: dict[str, type[SpaceBlock | BoundProjection | BoundRouter | BoundImputation]] = {
        "blocks": SpaceBlock,
        "projections": BoundProjection,
        "routers": BoundRouter,
        "imputations": BoundImputation,
    }

    facts = json.loads((made.save(tmp_path) / HEADER).read_text())["facts"]

    for name, kind in kinds.items():
        assert set(facts[name][0]) == {field.name for field in fields(kind)} - {"state"}


def test_a_binding_of_an_earlier_schema_is_refused_with_what_to_do(tmp_path: Path) -> None:
    earlier = replace(BINDING, schema=BINDING.schema - 1)
    folder = replace(small()._artifact(), kind=earlier).save(tmp_path)

    with pytest.raises(OtherSchema, match=r"version 1 of an earlier release.*bind again: tieback bind"):
        JointSpaceArtifact.load(folder)


def test_imputations_are_kept_at_half_precision(tmp_path: Path) -> None:
    state = {"map.0.1": np.eye(4, dtype=np.float16)}
    imputations = (BoundImputation("ridge", {}, state, {"text": {"words": 1.0}}), BoundImputation("skip"))

    found = JointSpaceArtifact.load(replace(small(), imputations=imputations).save(tmp_path))

    assert [one.method for one in found.imputations] == ["ridge", "skip"]
    assert found.imputations[0].state["map.0.1"].dtype == np.float16
    assert found.imputations[0].losses == {"text": {"words": 1.0}}
    assert found.revision != small().revision


@pytest.mark.parametrize("name", [HEADER, STATE])
def test_one_byte_that_differs_is_found(name: str, tmp_path: Path) -> None:
    folder = small().save(tmp_path)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)

    with pytest.raises(AlteredArtifact, match=r"corrupt.*tieback bind"):
        JointSpaceArtifact.load(folder)


def test_a_binding_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"there is no binding at .*tieback bind"):
        JointSpaceArtifact.load(tmp_path / "0123456789ab")


def test_a_native_projection_of_another_width_does_not_fit_its_block(tmp_path: Path) -> None:
    wrong = JointSpaceArtifact((SpaceBlock(TEXT, Modality.TEXT, 4),), (BoundProjection(TEXT, 5, "words"),))

    with pytest.raises(StartupError, match="words has width 5 and its block 4"):
        JointSpaceArtifact.load(wrong.save(tmp_path))


def test_a_changed_encoder_refuses_the_binding_and_says_how_to_bind_again() -> None:
    small().check([TEXT, IMAGE])
    with pytest.raises(OtherWeights, match=r"was made with eyes@r2.*eyes@r3.*tieback bind"):
        small().check([TEXT, SpaceRef("eyes", "r3", "f2")])
    with pytest.raises(OtherWeights, match="was made for the space 'eyes', which is not served"):
        small().check([TEXT])


def with_a_shared_space() -> JointSpaceArtifact:
    both = SpaceRef("both", "r3", "f3")
    return JointSpaceArtifact(
        (
            SpaceBlock(TEXT, Modality.TEXT, 4),
            SpaceBlock(both, Modality.IMAGE, 4, (Modality.TEXT, Modality.IMAGE)),
        ),
        (
            BoundProjection(TEXT, 4, "words"),
            BoundProjection(both, 4, "both"),
            BoundProjection(
                TEXT, 4, "both", "affine", {}, {"map": np.eye(4, dtype=np.float32)}, imputes=True
            ),
        ),
        centres={"both": {Modality.IMAGE: np.ones(4, np.float32), Modality.TEXT: np.zeros(4, np.float32)}},
    )


def test_shared_spaces_and_what_imputes_are_read_as_they_were_written(tmp_path: Path) -> None:
    made = with_a_shared_space()

    found = JointSpaceArtifact.load(made.save(tmp_path))

    assert found.revision == made.revision
    assert found.blocks == made.blocks
    assert [one.imputes for one in found.projections] == [False, False, True]
    assert {modality: row.tolist() for modality, row in found.centres["both"].items()} == {
        Modality.IMAGE: [1] * 4, Modality.TEXT: [0] * 4,
    }  # fmt: skip


def test_a_shared_space_takes_the_modalities_whose_encoders_were_bound() -> None:
    made = with_a_shared_space()

    assert made.takes("both", Modality.IMAGE)
    assert made.takes("both", Modality.TEXT)
    assert not made.takes("both", Modality.AUDIO)
    assert not made.takes("ears", Modality.AUDIO)


def test_equal_arrays_are_in_the_file_once_and_halved_where_nothing_is_lost(tmp_path: Path) -> None:
    exact, rough = np.full((64, 64), 0.5, np.float32), np.full((64, 64), 1 / 3, np.float32)
    states = [{"rough": rough, "exact": exact}, {"other": rough.copy(), "exact": exact.copy()}]
    projections = tuple(BoundProjection(IMAGE, 64, "words", "affine", {}, state) for state in states)
    bound = replace(small(), projections=projections)

    folder = bound.save(tmp_path)
    found = JointSpaceArtifact.load(folder)

    assert (folder / STATE).stat().st_size < exact.nbytes // 2 + rough.nbytes + 1000
    assert found.revision == bound.revision == folder.name
    for one, other in zip(states, found.projections, strict=True):
        for name, array in one.items():
            assert other.state[name].dtype == np.float32
            assert np.array_equal(other.state[name], array)


def test_large_arrays_are_rounded_to_half_precision_where_it_can_hold_them() -> None:
    third = np.full(LARGE, 1 / 3, np.float32)
    huge = np.append(third, np.float32(1e6))

    found = rounded({"large": third, "huge": huge, "small": third[:9]})

    assert (found["large"] == np.float32(np.float16(1 / 3))).all()
    assert np.array_equal(found["huge"], huge)
    assert np.array_equal(found["small"], third[:9])
