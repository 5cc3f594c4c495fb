"""Paths and routers of a binding as graphs."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tieback.core.call import NO_CALL
from tieback.core.errors import StartupError
from tieback.core.types.fusion import FuseRequest, Role
from tieback.joint.graphs import agreement
from tieback.methods.projection import FIT, GRAPH, affine, fit, projections, unit_rows
from tieback.models.joint.artifact import BoundProjection, BoundRouter, JointSpaceArtifact, SpaceBlock
from tieback.models.joint.graphs import ProjectionGraph, RouterGraph
from tieback.recipes.graphs import integer_products, router
from tieback.recipes.graphs.router import export_graphs
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

LONG, SHORT, EYES, EARS = (SpaceRef(name, "r", "f") for name in ("long", "short", "eyes", "ears"))
WIDTHS = {LONG: 12, SHORT: 8, EYES: 10, EARS: 6}
MODALITIES = {LONG: Modality.TEXT, SHORT: Modality.TEXT, EYES: Modality.IMAGE, EARS: Modality.AUDIO}
TEXTS = {Modality.TEXT: ["long", "short"]}
SMALL = {"members": 2, "hidden": 16, "epochs": 1, "steps": 1}
"""What a fit that trains is told, of those parameters that it has."""


def network(width: int, blocks: int) -> dict[str, Array]:
    draw = np.random.default_rng(5)
    sizes = (width, 7, 5, blocks)
    return {
        f"{layer}{part}": (0.4 * draw.normal(size=shape)).astype(np.float32)
        for layer, rows, columns in zip(("first", "second", "third"), sizes[:-1], sizes[1:], strict=True)
        for part, shape in (("", (rows, columns)), ("_bias", (columns,)))
    }


def binding(method: str = "affine") -> JointSpaceArtifact:
    """Two text spaces with blocks of their own, projected into the pictures' block, not into the sounds'."""
    draw = np.random.default_rng(3)
    anchors = {space: unit_rows(draw.normal(size=(60, width))) for space, width in WIDTHS.items()}
    native = [BoundProjection(space, WIDTHS[space], space.name) for space in WIDTHS]
    known = projections.schema(method, FIT).get("properties", {})
    small = {name: value for name, value in SMALL.items() if name in known}
    fitted = [
        BoundProjection(
            space, WIDTHS[space], "eyes", method, {}, fit(method, anchors[space], anchors[EYES], small)
        )
        for space in (LONG, SHORT)
    ]
    return JointSpaceArtifact(
        tuple(SpaceBlock(space, MODALITIES[space], width) for space, width in WIDTHS.items()),
        (*native, *fitted),
        (BoundRouter(Modality.TEXT, ("long", "short"), "soft", {}, network(20, 4)),),
    )


@pytest.fixture(params=[1, 1 << 30], ids=["in 8 bits", "in float32"])
def kept(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """From which size on matrices are in 8 bits; everything is worth a graph here."""
    monkeypatch.setattr(integer_products, "LARGE", request.param)
    monkeypatch.setattr(router, "_is_large", lambda _projection: True)
    return int(request.param)


@pytest.mark.parametrize("method", projections.names())
def test_the_graph_says_what_the_methods_say(method: str, kept: int) -> None:
    bound = binding(method)

    graphs = export_graphs(bound, TEXTS)

    least = 0.999 if kept == 1 else 1 - 1e-6
    assert agreement(bound, ProjectionGraph(graphs["projections.text"])) >= least


@pytest.mark.parametrize("method", projections.names())
def test_an_exported_form_says_what_it_says_in_torch(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "_is_large", lambda _projection: True)
    bound = binding(method)
    fitted = next(one for one in bound.projections if one.method == method and one.source == LONG)
    rows = unit_rows(np.random.default_rng(1).normal(size=(5, 12)))

    tensors = {key: torch.from_numpy(array) for key, array in fitted.state.items()}
    expected = projections.form(GRAPH, method)(torch.from_numpy(rows), tensors).numpy()
    graph = ProjectionGraph(export_graphs(bound, TEXTS)["projections.text"])
    found = graph({"long": rows}, 5)[:, 20:30]

    assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("method", ["anchor_attention", "cca_affine"])
def test_a_row_comes_out_the_same_whatever_stands_beside_it(method: str, kept: int) -> None:
    graph = ProjectionGraph(export_graphs(binding(method), TEXTS)["projections.text"])
    draw = np.random.default_rng(1)
    dense = {"long": unit_rows(draw.normal(size=(5, 12))), "short": unit_rows(draw.normal(size=(5, 8)))}

    together = graph(dense, 5)
    alone = [
        graph({name: rows[place : place + 1] for name, rows in dense.items()}, 1)[0] for place in range(5)
    ]

    assert together == pytest.approx(np.stack(alone), abs=1e-6)


@pytest.mark.parametrize("method", ["anchor_attention", "cca_affine", "affine"])
def test_a_missing_space_adds_nothing_to_any_block(method: str, kept: int) -> None:
    graph = ProjectionGraph(export_graphs(binding(method), TEXTS)["projections.text"])
    long = unit_rows(np.random.default_rng(1).normal(size=(2, 12)))

    left_out = graph({"long": long}, 2)
    zeros = graph({"long": long, "short": np.zeros((2, 8), np.float32)}, 2)

    assert left_out == pytest.approx(zeros)
    assert not left_out[:, 12:20].any(), "the block of the other space"
    assert np.linalg.norm(left_out[:, 20:30], axis=1) == pytest.approx(np.ones(2), abs=1e-5)


def test_a_block_that_nothing_is_projected_into_is_empty(kept: int) -> None:
    graph = ProjectionGraph(export_graphs(binding(), TEXTS)["projections.text"])

    assert not graph({"long": np.eye(3, 12, dtype=np.float32)}, 3)[:, 30:].any()


def test_a_router_is_a_graph_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "LARGE", 1)
    monkeypatch.setattr(integer_products, "LARGE", 1)
    bound = binding()
    from tieback.methods.routing._network import scores

    graph = RouterGraph(export_graphs(bound, {})["router.text"])

    seen = unit_rows(np.random.default_rng(2).normal(size=(4, 20)))
    assert graph(seen) == pytest.approx(scores(seen, bound.routers[0].state), abs=0.05)


def test_small_matrices_are_left_to_the_methods() -> None:
    assert export_graphs(binding(), TEXTS) == {}


def test_a_graph_that_differs_from_its_methods_is_not_kept(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(affine, "graph", lambda vectors, state: -vectors @ state["map"])

    with pytest.raises(StartupError, match="differs from their methods"):
        export_graphs(binding(), TEXTS)


def test_matrices_that_multiply_one_input_are_one_product_and_equal_ones_are_in_it_once(kept: int) -> None:
    bound = binding()
    narrower = [
        dataclasses.replace(
            one, block="ears", state={key: array[..., :6] for key, array in one.state.items()}
        )
        for one in bound.projections
        if one.method == "affine"
    ]
    more = dataclasses.replace(bound, projections=(*bound.projections, *narrower, *narrower))

    graph = onnx.load_from_string(export_graphs(more, TEXTS)["projections.text"]).graph

    products = [node for node in graph.node if node.op_type.startswith("MatMul")]
    shapes = {tuple(one.dims) for one in graph.initializer if len(one.dims) == 2}
    assert len(products) == 2, "one for each space"
    assert {(12, 16), (8, 16)} <= shapes, "ten columns and six, and the six once"


async def fused(bound: JointSpaceArtifact, role: Role) -> Fused:
    spoken = {LONG: np.linspace(-1, 1, 12), SHORT: np.linspace(1, -1, 8)}
    parts = [
        FusePart(Encoding(space, Modality.TEXT, vector=Vector(row.astype(np.float32), space)))
        for space, row in spoken.items()
    ]
    (result,) = (await Router.bound(bound).fuse(FuseRequest([parts], role=role), NO_CALL)).results
    assert isinstance(result, Fused)
    return result


@pytest.mark.parametrize("role", [Role.QUERY, Role.DOCUMENT])
async def test_a_router_serves_the_graphs_and_says_the_same(role: Role, kept: int, tmp_path: Path) -> None:
    plain = binding("anchor_attention")
    folder = dataclasses.replace(plain, graphs=export_graphs(plain, TEXTS)).save(tmp_path)

    drawn = await fused(JointSpaceArtifact.load(folder), role)
    by_methods = await fused(plain, role)

    assert drawn.vector.values == pytest.approx(by_methods.vector.values, abs=0.02)
    assert drawn.vector.space == by_methods.vector.space, "what is stored by one is found by the other"


async def test_a_graph_that_this_processor_computes_wrongly_is_not_served(
    kept: int, caplog: pytest.LogCaptureFixture
) -> None:
    plain = binding()
    other = export_graphs(dataclasses.replace(binding("procrustes")), TEXTS)

    with caplog.at_level(logging.WARNING):
        wrong = {"projections.text": other["projections.text"]}
        served = await fused(dataclasses.replace(plain, graphs=wrong), Role.QUERY)

    assert served.vector.values == pytest.approx((await fused(plain, Role.QUERY)).vector.values)
    assert "projections of text are computed by their methods" in caplog.text


def test_a_graph_altered_by_one_byte_is_refused(kept: int, tmp_path: Path) -> None:
    plain = binding()
    folder = dataclasses.replace(plain, graphs=export_graphs(plain, TEXTS)).save(tmp_path)
    graph = folder / "projections.text.onnx"
    data = bytearray(graph.read_bytes())
    data[len(data) // 2] ^= 1
    graph.write_bytes(data)

    fault = "corrupt: projections.text.onnx is not what was written; bind again"
    with pytest.raises(StartupError, match=fault):
        JointSpaceArtifact.load(folder)


def test_a_graph_that_is_gone_is_missed(kept: int, tmp_path: Path) -> None:
    plain = binding()
    folder = dataclasses.replace(plain, graphs=export_graphs(plain, TEXTS)).save(tmp_path)
    (folder / "projections.text.onnx").unlink()

    with pytest.raises(StartupError, match=r"projections.text.onnx: No such file"):
        JointSpaceArtifact.load(folder)


def test_an_artifact_with_graphs_is_named_by_them_too(kept: int, tmp_path: Path) -> None:
    plain = binding()
    drawn = dataclasses.replace(plain, graphs=export_graphs(plain, TEXTS))

    assert drawn.revision != plain.revision
    assert JointSpaceArtifact.load(drawn.save(tmp_path)).revision == drawn.revision
