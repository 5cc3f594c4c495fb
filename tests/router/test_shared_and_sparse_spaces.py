"""Spaces that several encoders share, paths that stand in for one that is silent, and paths by terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from support.small_binding import EYES, SPACES, WIDTHS, WORDS, binding, path, said, text
from tieback.core.errors import InvalidInput, SpaceMismatch, StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.encoding import Encoding
from tieback.core.types.fusion import Fused, FusePart, Role, Routing
from tieback.core.types.vectors import SpaceRef, SparseVector, Vector
from tieback.models.joint_space_artifact import SPARSE, Block, BoundProjection, JointSpaceArtifact
from tieback.recipes.export_router import export_graphs
from tieback.router import Rollout, Router

TERMS = SpaceRef("terms", "r5", "f5")
VOCABULARY = 10
KNOWN = np.array([2, 5, 7], np.int32)  # cat, cup, car
BOTH = SpaceRef("both", "r6", "f6")
ONLY = Routing("explicit", {"both": 1.0})


def by_terms(block: str, **changes: Any) -> BoundProjection:
    """The three terms that are known lie on the first three dimensions."""
    state = {"terms": KNOWN, "vectors": np.eye(3, WIDTHS[block], dtype=np.float16)}
    facts: dict[str, Any] = {"source_width": VOCABULARY, "method": "term_weights", "state": state}
    return BoundProjection(TERMS, block=block, reads=SPARSE, **(facts | changes))


def with_terms(*blocks: str, **changes: Any) -> Router:
    made = binding()
    made = replace(made, projections=(*made.projections, *(by_terms(block, **changes) for block in blocks)))
    return Router.bound(made, modalities={"terms": Modality.TEXT})


def weighed(weights: Mapping[int, float], space: SpaceRef = TERMS) -> Encoding:
    indices = np.array(sorted(weights), np.int32)
    values = np.array([weights[int(index)] for index in indices], np.float32)
    return Encoding(space, Modality.TEXT, sparse=SparseVector(space, indices, values))


async def fused(router: Router, *parts: FusePart, role: Role = Role.QUERY, routing: Any = None) -> Any:
    reply = await router.fuse([list(parts)], role=role, routing=routing or Routing())
    return reply.results[0]


def block_of(router: Router, found: Fused, name: str) -> Array:
    return found.vector.values[router.space.block(name)]


async def test_a_sparse_vector_enters_a_block_as_the_weighted_mean_of_its_terms() -> None:
    router = with_terms("words", "eyes")

    found = await fused(router, FusePart(weighed({1: 9.0, 2: 3.0, 5: 4.0})), role=Role.DOCUMENT)

    np.testing.assert_allclose(block_of(router, found, "eyes"), [0.6, 0.8, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(block_of(router, found, "words"), [0.6, 0.8, 0, 0], atol=1e-6)
    assert not block_of(router, found, "names").any()
    assert "terms -> eyes (term weights)" in found.routing.projections


async def test_terms_are_used_beside_the_vectors_of_other_spaces() -> None:
    router = with_terms("eyes")

    found = await fused(router, *text(1.0), FusePart(weighed({5: 1.0})), role=Role.DOCUMENT)

    two_to_one = np.array([2, 1, 0, 0, 0]) / np.sqrt(5)
    np.testing.assert_allclose(block_of(router, found, "eyes"), two_to_one, atol=1e-6)
    assert not found.routing.missing


async def test_a_text_of_unknown_terms_alone_has_an_empty_block() -> None:
    refusal = await fused(with_terms("eyes"), FusePart(weighed({1: 9.0})))

    assert isinstance(refusal, InvalidInput)
    assert "every space with a weight is missing" in refusal.message


async def test_without_terms_a_text_that_could_have_them_is_degraded() -> None:
    found = await fused(with_terms("eyes"), *text(1.0))

    assert found.routing.missing == ["terms"]


@pytest.mark.parametrize(
    ("indices", "weights", "field", "said"),
    [
        ([], [], "indices", "no term has a weight"),
        ([2, 12], [1.0, 1.0], "indices", "terms 0 to 9, not 12"),
        ([-1, 2], [1.0, 1.0], "indices", "not -1"),
        ([5, 2], [1.0, 1.0], "indices", "ascending"),
        ([2, 2], [1.0, 1.0], "indices", "each once"),
        ([2, 5], [1.0], "weights", "go together"),
        ([2, 5], [1.0, np.nan], "weights", "above 0, not nan"),
        ([2, 5], [1.0, np.inf], "weights", "above 0, not inf"),
        ([2, 5], [-1.0, 1.0], "weights", "above 0, not -1"),
        ([2, 5], [0.0, 1.0], "weights", "above 0, not 0"),
    ],
)
async def test_a_bad_sparse_vector_is_refused_with_its_field(
    indices: Sequence[int], weights: Sequence[float], field: str, said: str
) -> None:
    vector = SparseVector(TERMS, np.array(indices, np.int32), np.array(weights, np.float32))

    refusal = await fused(with_terms("eyes"), FusePart(Encoding(TERMS, Modality.TEXT, sparse=vector)))

    assert isinstance(refusal, InvalidInput)
    assert str(refusal.field) == f"inputs[0].parts[0].encoding.sparse.{field}"
    assert said in refusal.message


async def test_an_encoding_without_terms_or_of_another_revision_is_refused() -> None:
    router, other = with_terms("eyes"), SpaceRef("terms", "r9", "f5")
    dense = Encoding(TERMS, Modality.TEXT, dense=Vector(TERMS, np.ones(3, np.float32)))
    inner = replace(weighed({2: 1.0}), sparse=weighed({2: 1.0}, other).sparse)

    missing, mismatch, within = [
        await fused(router, FusePart(one)) for one in (dense, weighed({2: 1.0}, other), inner)
    ]

    assert isinstance(missing, InvalidInput)
    assert str(missing.field) == "inputs[0].parts[0].encoding.sparse"
    assert isinstance(mismatch, SpaceMismatch)
    assert str(mismatch.field) == "inputs[0].parts[0].encoding.space"
    assert isinstance(within, SpaceMismatch)
    assert str(within.field) == "inputs[0].parts[0].encoding.sparse.space"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"source_width": 6}, "a vocabulary of 6"),
        ({"method": "magic"}, "no method is named 'magic'|magic"),
        ({"parameters": {"sharpness": 1}}, "sharpness"),
        ({"state": {"terms": KNOWN}}, "lacks 'vectors'"),
        (
            {"state": {"terms": KNOWN, "vectors": np.ones((3, 4), np.float16)}},
            r"\(3, 4\) for a block of width 5",
        ),
        ({"state": {"terms": KNOWN[:2], "vectors": np.ones((3, 5))}}, "has 2 terms with vectors of shape"),
        ({"state": {"terms": KNOWN[::-1], "vectors": np.ones((3, 5))}}, "ascending order"),
        ({"state": {"terms": KNOWN, "vectors": np.full((3, 5), np.nan)}}, "NaN or infinity"),
    ],
    ids=["vocabulary", "method", "parameters", "no vectors", "width", "number", "order", "NaN"],
)
def test_terms_that_do_not_fit_stop_the_start_with_the_way_out(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(StartupError, match=f"(?s)({said}).*tieback bind"):
        with_terms("eyes", **changes)


def test_a_space_is_read_in_one_way() -> None:
    made = binding()
    dense = BoundProjection(TERMS, VOCABULARY, "eyes", "affine", {}, path("words", "eyes").state)

    with pytest.raises(StartupError, match="read both dense and sparse vectors"):
        Router.bound(replace(made, projections=(*made.projections, by_terms("words"), dense)))


def shared(*, centres: bool = True, imputes: bool = True, **changes: Any) -> JointSpaceArtifact:
    """A space of texts and pictures beside "words" and "eyes", which lead into it where it is silent."""
    width = 4
    state = {"offset": np.zeros(width, np.float32)}
    blocks = (
        Block(BOTH, Modality.IMAGE, width, (Modality.TEXT, Modality.IMAGE)),
        Block(WORDS, Modality.TEXT, WIDTHS["words"]),
        Block(EYES, Modality.IMAGE, WIDTHS["eyes"]),
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
    paths = (
        BoundProjection(BOTH, width, "both"), *into, back, path("words", "words"), path("words", "eyes"),
        path("eyes", "eyes"), path("eyes", "words"),
    )  # fmt: skip
    gap = {
        Modality.TEXT: np.array([0, 0, 0, 0.5], np.float32),
        Modality.IMAGE: np.array([0, 0, 0, -0.5], np.float32),
    }
    losses = {"text": {"both": 7.0}, "image": {"both": 30.0}}
    facts: dict[str, Any] = {"losses": losses, "centres": {"both": gap} if centres else {}}
    return JointSpaceArtifact(blocks, paths, **(facts | changes))


def tower(modality: Modality, *values: float) -> FusePart:
    return FusePart(Encoding(BOTH, modality, dense=Vector(BOTH, np.array(values, np.float32))))


SIDE = float(np.sqrt(0.75))
CAT_SAID, CAT_SEEN = (SIDE, 0, 0, 0.5), (SIDE, 0, 0, -0.5)


async def test_encoders_of_one_space_meet_where_their_gap_is_taken_off() -> None:
    router, raw = Router.bound(shared()), Router.bound(shared(centres=False))

    async def cosine(one: Router) -> float:
        asked = await fused(one, tower(Modality.TEXT, *CAT_SAID), routing=ONLY)
        stored = await fused(one, tower(Modality.IMAGE, *CAT_SEEN), role=Role.DOCUMENT)
        return float(block_of(one, asked, "both") @ block_of(one, stored, "both"))

    assert await cosine(router) == pytest.approx(1.0)
    assert await cosine(raw) == pytest.approx(0.5)


async def test_an_encoding_says_of_itself_which_encoder_it_is_of() -> None:
    router = Router.bound(shared())

    said_of_text = await fused(router, tower(Modality.TEXT, *CAT_SAID))
    seen = await fused(router, tower(Modality.IMAGE, *CAT_SEEN))
    heard = await fused(router, tower(Modality.AUDIO, *CAT_SEEN))

    assert (said_of_text.routing.modality, seen.routing.modality) == ("text", "image")
    assert said_of_text.routing.missing == ["eyes", "words"], "here no path leads texts of it to eyes"
    assert seen.routing.missing == ["eyes"]
    assert isinstance(heard, InvalidInput)
    assert str(heard.field) == "inputs[0].parts[0].encoding.modality"
    assert "encoder of text and image" in heard.message


async def test_an_imputing_projection_is_not_used_where_the_blocks_own_space_has_a_vector() -> None:
    router = Router.bound(shared())
    dog = FusePart(said("words", 0, 1))

    both = await fused(router, tower(Modality.TEXT, *CAT_SAID), dog, role=Role.DOCUMENT)
    alone = await fused(router, dog, role=Role.DOCUMENT)

    np.testing.assert_allclose(block_of(router, both, "both"), [1, 0, 0, 0], atol=1e-6)
    np.testing.assert_allclose(block_of(router, both, "words"), [0, 1, 0, 0], atol=1e-6)
    np.testing.assert_allclose(block_of(router, alone, "both"), [0, 1, 0, 0], atol=1e-6)
    assert "words -> both (affine)" not in both.routing.projections
    assert "words -> both (affine)" in alone.routing.projections


async def test_one_that_does_not_impute_is_used_beside_it() -> None:
    router = Router.bound(shared(imputes=False))

    both = await fused(
        router, tower(Modality.TEXT, *CAT_SAID), FusePart(said("words", 0, 1)), role=Role.DOCUMENT
    )

    np.testing.assert_allclose(block_of(router, both, "both"), [2**-0.5, 2**-0.5, 0, 0], atol=1e-6)


async def test_in_one_batch_each_input_has_what_it_needs() -> None:
    router = Router.bound(shared())
    dog = FusePart(said("words", 0, 1))
    inputs = [[tower(Modality.TEXT, *CAT_SAID), dog], [dog], [tower(Modality.TEXT, *CAT_SAID)]]

    together = (await router.fuse(inputs, role=Role.DOCUMENT)).results
    apart = [(await router.fuse([one], role=Role.DOCUMENT)).results[0] for one in inputs]

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

    found = await fused(router, tower(Modality.TEXT, *CAT_SAID), routing=ONLY)

    assert not found.routing.missing


def test_centres_paths_and_reading_are_part_of_what_the_joint_space_is() -> None:
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
        Router.bound(shared(), rollout=Rollout(canary=shared(centres=False), percent=50))


async def test_the_graph_of_projections_leaves_imputing_ones_and_terms_to_their_methods() -> None:
    draw = np.random.default_rng(0)
    words, both = SpaceRef("words", "r1", "f1"), BOTH
    width, terms = 300, np.arange(4, dtype=np.int32)

    def led(source: SpaceRef, block: str, **how: Any) -> BoundProjection:
        state = {
            "map": draw.normal(size=(width, width)).astype(np.float32),
            "offset": np.zeros(width, np.float32),
        }
        return BoundProjection(source, width, block, "affine", {}, state, **how)

    vectors = draw.normal(size=(4, width)).astype(np.float16)
    plain = JointSpaceArtifact(
        (
            Block(both, Modality.IMAGE, width, (Modality.TEXT, Modality.IMAGE)),
            Block(words, Modality.TEXT, width),
            Block(EYES, Modality.IMAGE, width),
        ),
        (
            BoundProjection(both, width, "both"),
            BoundProjection(words, width, "words"),
            led(words, "both", imputes=True),
            led(both, "words", imputes=True),
            led(words, "eyes"),
            led(both, "eyes"),
            BoundProjection(
                TERMS, VOCABULARY, "eyes", "term_weights", {}, {"terms": terms, "vectors": vectors}, SPARSE
            ),
        ),
    )
    sources = {Modality.TEXT: ["both", "words", "terms"], Modality.IMAGE: ["both"]}
    drawn = replace(plain, graphs=export_graphs(plain, sources))
    assert set(drawn.graphs) == {"paths.text", "paths.image"}

    def of(space: SpaceRef, modality: Modality = Modality.TEXT) -> FusePart:
        row = draw.normal(size=width).astype(np.float32)
        return FusePart(Encoding(space, modality, dense=Vector(space, row)))

    sparse = FusePart(weighed({1: 1.0, 3: 2.0}))
    inputs = [
        [of(both), of(words), sparse], [of(words)], [of(both)], [sparse], [of(both, Modality.IMAGE)],
        [of(words), sparse],
    ]  # fmt: skip
    by_methods, by_graphs = [
        (
            await Router.bound(one, modalities={"terms": Modality.TEXT}).fuse(inputs, role=Role.DOCUMENT)
        ).results
        for one in (plain, drawn)
    ]

    for one, other in zip(by_methods, by_graphs, strict=True):
        assert isinstance(one, Fused)
        assert isinstance(other, Fused)
        assert one.routing.projections == other.routing.projections
        for begin in range(0, 3 * width, width):
            rows = [found.vector.values[begin : begin + width] for found in (one, other)]
            assert rows[0].any() == rows[1].any()
            assert not rows[0].any() or rows[0] @ rows[1] > 0.999
