"""Spaces that several encoders share, and projections that impute the vector of one that is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.small_binding import EYES, SPACES, WIDTHS, WORDS, projection, said
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.models.joint.artifact import BoundProjection, JointSpaceArtifact, SpaceBlock
from tieback.recipes.graphs.router import export_graphs
from tieback.router import Router
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

BOTH = SpaceRef("both", "r6", "f6")
ONLY = Routing("explicit", {"both": 1.0})


async def fused(router: Router, *parts: FusePart, role: Role = Role.QUERY, routing: Any = None) -> Any:
    reply = await router.fuse(FuseRequest([list(parts)], role=role, routing=routing or Routing()), NO_CALL)
    return reply.results[0]


def block_of(router: Router, found: Fused, name: str) -> Array:
    return found.vector.values[router.space.block(name)]


def shared(*, centres: bool = True, imputes: bool = True, **changes: Any) -> JointSpaceArtifact:
    """A space of texts and pictures beside "words" and "eyes", which impute it where it is missing."""
    width = 4
    state = {"offset": np.zeros(width, np.float32)}
    blocks = (
        SpaceBlock(BOTH, Modality.IMAGE, width, (Modality.TEXT, Modality.IMAGE)),
        SpaceBlock(WORDS, Modality.TEXT, WIDTHS["words"]),
        SpaceBlock(EYES, Modality.IMAGE, WIDTHS["eyes"]),
    )
    into = [
        BoundProjection(
            SPACES[name], WIDTHS[name], "both", "affine", {},
            state | {"map": np.eye(WIDTHS[name], width, dtype=np.float32)}, imputes=imputes,
        )
        for name in ("words", "eyes")
    ]  # fmt: skip
    back = BoundProjection(
        BOTH, width, "words", "affine", {}, state | {"map": np.eye(width, dtype=np.float32)}, imputes=True
    )
    projections = (
        BoundProjection(BOTH, width, "both"), *into, back, projection("words", "words"),
        projection("words", "eyes"), projection("eyes", "eyes"), projection("eyes", "words"),
    )  # fmt: skip
    gap = {
        Modality.TEXT: np.array([0, 0, 0, 0.5], np.float32),
        Modality.IMAGE: np.array([0, 0, 0, -0.5], np.float32),
    }
    losses = {"text": {"both": 7.0}, "image": {"both": 30.0}}
    facts: dict[str, Any] = {"losses": losses, "centres": {"both": gap} if centres else {}}
    return JointSpaceArtifact(blocks, projections, **(facts | changes))


def tower(modality: Modality, *values: float) -> FusePart:
    return FusePart(Encoding(BOTH, modality, vector=Vector(np.array(values, np.float32), BOTH)))


SIDE = float(np.sqrt(0.75))
CAT_TEXT, CAT_PICTURE = (SIDE, 0, 0, 0.5), (SIDE, 0, 0, -0.5)


async def test_encoders_of_one_space_meet_where_their_gap_is_taken_off() -> None:
    router, raw = Router.bound(shared()), Router.bound(shared(centres=False))

    async def cosine(one: Router) -> float:
        query = await fused(one, tower(Modality.TEXT, *CAT_TEXT), routing=ONLY)
        stored = await fused(one, tower(Modality.IMAGE, *CAT_PICTURE), role=Role.DOCUMENT)
        return float(block_of(one, query, "both") @ block_of(one, stored, "both"))

    assert await cosine(router) == pytest.approx(1.0)
    assert await cosine(raw) == pytest.approx(0.5)


async def test_an_encoding_says_of_itself_which_encoder_it_is_of() -> None:
    router = Router.bound(shared())

    of_text = await fused(router, tower(Modality.TEXT, *CAT_TEXT))
    of_picture = await fused(router, tower(Modality.IMAGE, *CAT_PICTURE))
    of_sound = await fused(router, tower(Modality.AUDIO, *CAT_PICTURE))

    assert (of_text.routing.modality, of_picture.routing.modality) == ("text", "image")
    assert of_text.routing.missing == ["eyes", "words"], "here no projection of its texts is into eyes"
    assert of_picture.routing.missing == ["eyes"]
    assert isinstance(of_sound, InvalidInput)
    assert str(of_sound.field) == "inputs[0].parts[0].encoding.modality"
    assert "encoder of text and image" in of_sound.message


async def test_an_imputing_projection_is_not_used_where_the_blocks_own_space_has_a_vector() -> None:
    router = Router.bound(shared())
    dog = FusePart(said("words", 0, 1))

    both = await fused(router, tower(Modality.TEXT, *CAT_TEXT), dog, role=Role.DOCUMENT)
    alone = await fused(router, dog, role=Role.DOCUMENT)

    np.testing.assert_allclose(block_of(router, both, "both"), [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(block_of(router, both, "words"), [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(block_of(router, alone, "both"), [0, 1, 0, 0], atol=1e-6)
    assert "words -> both (affine)" not in both.routing.projections
    assert "words -> both (affine)" in alone.routing.projections


async def test_one_that_does_not_impute_is_used_beside_it() -> None:
    router = Router.bound(shared(imputes=False))

    both = await fused(
        router, tower(Modality.TEXT, *CAT_TEXT), FusePart(said("words", 0, 1)), role=Role.DOCUMENT
    )

    np.testing.assert_allclose(block_of(router, both, "both"), [2**-0.5, 2**-0.5, 0, 0], atol=1e-6)


async def test_in_one_batch_each_input_has_what_it_needs() -> None:
    router = Router.bound(shared())
    dog = FusePart(said("words", 0, 1))
    inputs = [[tower(Modality.TEXT, *CAT_TEXT), dog], [dog], [tower(Modality.TEXT, *CAT_TEXT)]]

    together = (await router.fuse(FuseRequest(inputs, role=Role.DOCUMENT), NO_CALL)).results
    apart = [
        (await router.fuse(FuseRequest([one], role=Role.DOCUMENT), NO_CALL)).results[0] for one in inputs
    ]

    for one, other in zip(together, apart, strict=True):
        assert isinstance(one, Fused)
        assert isinstance(other, Fused)
        np.testing.assert_allclose(one.vector.values, other.vector.values, atol=1e-6)
        assert one.routing.projections == other.routing.projections


async def test_what_an_encoder_of_a_shared_space_costs_depends_on_the_modality() -> None:
    router = Router.bound(shared())

    words = await fused(router, FusePart(said("words", 1)))
    picture = await fused(router, FusePart(said("eyes", 1)))

    assert words.routing.missing == picture.routing.missing == ["both"]
    assert (words.routing.expected_recall_loss, picture.routing.expected_recall_loss) == (7.0, 30.0)


async def test_a_space_that_only_imputes_is_not_missing_where_the_blocks_own_space_is_present() -> None:
    router = Router.bound(shared())

    found = await fused(router, tower(Modality.TEXT, *CAT_TEXT), routing=ONLY)

    assert not found.routing.missing


def test_centres_and_what_imputes_are_part_of_what_the_joint_space_is() -> None:
    revisions = {
        Router.bound(one).space.ref.revision
        for one in (shared(), shared(centres=False), shared(imputes=False))
    }

    assert len(revisions) == 3


def test_a_centre_of_another_width_stops_the_start() -> None:
    with pytest.raises(StartupError, match=r"centres of both are not vectors of width 4.*tieback bind"):
        Router.bound(replace(shared(), centres={"both": {Modality.TEXT: np.ones(3, np.float32)}}))


def test_a_canary_whose_vectors_are_centred_otherwise_is_refused() -> None:
    with pytest.raises(StartupError, match="centred otherwise"):
        Router.bound(shared(), weighted_by=shared(centres=False))


async def test_the_graph_of_projections_leaves_imputing_ones_to_their_methods() -> None:
    draw = np.random.default_rng(0)
    words, both, width = SpaceRef("words", "r1", "f1"), BOTH, 300

    def drawn(source: SpaceRef, block: str, *, imputes: bool = False) -> BoundProjection:
        state = {
            "map": draw.normal(size=(width, width)).astype(np.float32),
            "offset": np.zeros(width, np.float32),
        }
        return BoundProjection(source, width, block, "affine", {}, state, imputes)

    plain = JointSpaceArtifact(
        (
            SpaceBlock(both, Modality.IMAGE, width, (Modality.TEXT, Modality.IMAGE)),
            SpaceBlock(words, Modality.TEXT, width),
            SpaceBlock(EYES, Modality.IMAGE, width),
        ),
        (
            BoundProjection(both, width, "both"),
            BoundProjection(words, width, "words"),
            drawn(words, "both", imputes=True),
            drawn(both, "words", imputes=True),
            drawn(words, "eyes"),
            drawn(both, "eyes"),
        ),
    )
    sources = {Modality.TEXT: ["both", "words"], Modality.IMAGE: ["both"]}
    exported = replace(plain, graphs=export_graphs(plain, sources))
    assert set(exported.graphs) == {"projections.text", "projections.image"}

    def of(space: SpaceRef, modality: Modality = Modality.TEXT) -> FusePart:
        row = draw.normal(size=width).astype(np.float32)
        return FusePart(Encoding(space, modality, vector=Vector(row, space)))

    inputs = [[of(both), of(words)], [of(words)], [of(both)], [of(both, Modality.IMAGE)]]
    by_methods, by_graphs = [
        (await Router.bound(one).fuse(FuseRequest(inputs, role=Role.DOCUMENT), NO_CALL)).results
        for one in (plain, exported)
    ]

    for one, other in zip(by_methods, by_graphs, strict=True):
        assert isinstance(one, Fused)
        assert isinstance(other, Fused)
        assert one.routing.projections == other.routing.projections
        for begin in range(0, 3 * width, width):
            rows = [found.vector.values[begin : begin + width] for found in (one, other)]
            assert rows[0].any() == rows[1].any()
            assert not rows[0].any() or rows[0] @ rows[1] > 0.999
