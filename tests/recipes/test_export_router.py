"""Projectors and router of a binding as one graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types import Array, Modality, SpaceRef
from tieback.methods.projection import fit, projections, unit_rows
from tieback.models.bound_space import NATIVE, Block, BoundPath, BoundRouter, BoundSpace
from tieback.models.session import Session
from tieback.recipes.export_router import JOINT, METHODS, WEIGHTS, export_router

LONG, SHORT, EYES, EARS = (SpaceRef(name, "r", "f") for name in ("long", "short", "eyes", "ears"))
WIDTHS = {LONG: 12, SHORT: 8, EYES: 10, EARS: 6}
MODALITIES = {LONG: Modality.TEXT, SHORT: Modality.TEXT, EYES: Modality.IMAGE, EARS: Modality.AUDIO}
QUICK = {"projector_ensemble": {"members": 2, "hidden": 16, "epochs": 1}}
STEPPED = {name: {"steps": 1} for name in ("correlation", "joint_views", "wasserstein")}


def network(width: int, blocks: int) -> dict[str, Array]:
    draw = np.random.default_rng(5)
    sizes = (width, 7, 5, blocks)
    return {
        f"{layer}{part}": draw.normal(size=shape).astype(np.float32)
        for layer, rows, columns in zip(("first", "second", "third"), sizes[:-1], sizes[1:], strict=True)
        for part, shape in (("", (rows, columns)), ("_bias", (columns,)))
    }


def binding(method: str = "affine", routing: str = "soft", *, trained: bool = True) -> BoundSpace:
    """Two spaces of texts with blocks of their own; both lead to the pictures' block, none to the sounds'."""
    draw = np.random.default_rng(3)
    anchors = {space: unit_rows(draw.normal(size=(60, width))) for space, width in WIDTHS.items()}
    native = [BoundPath(space, WIDTHS[space], space.name) for space in WIDTHS]
    led = [
        BoundPath(
            space, WIDTHS[space], "eyes", method, {}, fit(method, anchors[space], anchors[EYES], parameters)
        )
        for space in (LONG, SHORT)
        for parameters in [{**QUICK, **STEPPED}.get(method)]
    ]
    state = network(20, 4) if trained else {}
    return BoundSpace(
        tuple(Block(space, MODALITIES[space], width) for space, width in WIDTHS.items()),
        (*native, *led),
        (BoundRouter(Modality.TEXT, ("long", "short"), routing, {}, state),),
    )


@pytest.mark.parametrize("method", sorted({*METHODS} - {NATIVE}))
def test_the_graph_says_what_the_methods_say(method: str, tmp_path: Path) -> None:
    found = export_router(binding(method), Modality.TEXT, tmp_path / "text.onnx", repeats=1)

    assert found.largest_difference <= 1e-5
    assert found.path.exists()


@pytest.mark.parametrize(("routing", "trained"), [("soft", False), ("uniform", False)])
def test_a_binding_without_a_trained_router_has_uniform_weights(
    routing: str, trained: bool, tmp_path: Path
) -> None:
    path = export_router(
        binding(routing=routing, trained=trained), Modality.TEXT, tmp_path / "text.onnx", repeats=1
    ).path

    weights = Session(path).run(
        (WEIGHTS,), {"long": np.eye(1, 12, dtype="f"), "short": np.eye(1, 8, dtype="f")}
    )

    assert weights[0] == pytest.approx(np.array([[1 / 3, 1 / 3, 1 / 3, 0]]))


def test_the_joint_vector_is_weighted_unit_blocks_and_nothing_where_no_path_leads(tmp_path: Path) -> None:
    path = export_router(binding(), Modality.TEXT, tmp_path / "text.onnx", repeats=1).path
    draw = np.random.default_rng(1)
    vectors = {"long": unit_rows(draw.normal(size=(5, 12))), "short": unit_rows(draw.normal(size=(5, 8)))}

    joint, weights = Session(path).run((JOINT, WEIGHTS), vectors)

    assert weights.sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    for number, (begin, end) in enumerate([(0, 12), (12, 20), (20, 30), (30, 36)]):
        assert np.linalg.norm(joint[:, begin:end], axis=1) == pytest.approx(weights[:, number], abs=1e-5)
    assert not joint[:, 30:].any()


def test_batches_are_timed_in_both(tmp_path: Path) -> None:
    found = export_router(binding(), Modality.TEXT, tmp_path / "text.onnx", batches=(1, 4), repeats=3)

    assert [speed.batch for speed in found.speeds] == [1, 4]
    assert all(speed.numpy > 0 and speed.onnx > 0 for speed in found.speeds)
    assert found.pays == all(speed.onnx < speed.numpy for speed in found.speeds)


def test_a_graph_that_differs_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        METHODS,
        "affine",
        lambda nodes, rows, path: nodes.unit(nodes.linear(rows, path.state["map"], 2 * path.state["offset"])),
    )

    with pytest.raises(StartupError, match="differs from its methods"):
        export_router(binding(), Modality.TEXT, tmp_path / "text.onnx", repeats=1)

    assert not (tmp_path / "text.onnx").exists()


def test_a_modality_without_a_router_is_not_found_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as refusal:
        export_router(binding(), Modality.AUDIO, tmp_path / "audio.onnx")

    assert refusal.value.choices == [Modality.TEXT]


def test_a_policy_without_a_graph_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="'top_k' has no graph; those with one are: soft, uniform"):
        export_router(binding(routing="top_k"), Modality.TEXT, tmp_path / "text.onnx")


def test_a_projection_without_a_graph_is_refused_with_those_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(METHODS, "affine")

    with pytest.raises(InvalidInput, match="'affine' has no graph; those with one are: native, "):
        export_router(binding(), Modality.TEXT, tmp_path / "text.onnx")


def test_every_method_that_has_a_graph_is_a_projection() -> None:
    assert {*METHODS} - {NATIVE} <= {*projections.names()}
