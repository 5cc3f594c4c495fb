"""A joint space made from a binding: every subset of what could speak answers, and says what is missing."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.small_binding import (
    EYES,
    LOSSES,
    NAMES_OF_BLOCKS,
    WIDTHS,
    binding,
    photo,
    projection,
    routed,
    said,
    sound,
    text,
)
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, SpaceMismatch, StartupError
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.joint.projecting import read
from tieback.models.joint.artifact import BoundProjection
from tieback.router import Router
from tieback_contract.encodings import Encoding, Label
from tieback_contract.fusion import Fused, FusePart, IgnoredDimensions
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, Vector

CAT, CUP, CAR = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture
def router() -> Router:
    return Router.bound(binding())


async def fuse(router: Router, parts: list[FusePart], **how: Any) -> Any:
    return (await router.fuse(FuseRequest([parts], **how), NO_CALL)).results[0]


async def fused(router: Router, parts: list[FusePart], **how: Any) -> Fused:
    result = await fuse(router, parts, **how)
    assert isinstance(result, Fused), result
    return result


def block(router: Router, result: Fused, name: str) -> np.ndarray:
    return result.vector.values[router.space.block(name)]


async def test_a_photo_and_its_caption_meet_in_the_blocks_that_both_reach(router: Router) -> None:
    stored = await fused(router, photo(*CAT), role=Role.DOCUMENT)
    same = await fused(router, text(*CAT))
    other = await fused(router, text(*CUP))

    assert same.vector.values @ stored.vector.values == pytest.approx(0.75), "all blocks but the sounds'"
    assert other.vector.values @ stored.vector.values == pytest.approx(0.0)


async def test_a_document_has_unit_blocks_where_it_was_encoded_and_zeros_elsewhere(router: Router) -> None:
    result = await fused(router, photo(*CAT), role=Role.DOCUMENT)

    norms = {name: np.linalg.norm(block(router, result, name)) for name in NAMES_OF_BLOCKS}
    assert norms == pytest.approx({"words": 1, "names": 1, "eyes": 1, "ears": 0})
    assert not result.routing.degraded, "a photo is not expected to speak in the sounds' block"
    assert result.vector.values.shape == (sum(WIDTHS.values()),)


async def test_several_projections_into_one_block_are_averaged_at_length_one(router: Router) -> None:
    parts = [FusePart(said("words", *CAT)), FusePart(said("names", *CUP))]

    result = await fused(router, parts, role=Role.DOCUMENT)

    assert block(router, result, "eyes")[:2] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert block(router, result, "words")[:2] == pytest.approx([1, 0])


def test_an_evaluation_reads_vectors_bit_for_bit_as_the_router_does() -> None:
    made = binding()
    rows = np.random.default_rng(0).normal(size=(1000, WIDTHS["words"])).astype(np.float32)
    reading = Router.bound(made).space.adapters["words"].read

    evaluated = read(made, {"words": rows})["words"]
    served = np.concatenate([reading(said("words", *row)) for row in rows])

    # The graphs code these in 8 bits: one last bit that differs can move a score by 0.0005.
    assert np.array_equal(evaluated, served)


async def test_the_explanation_names_projections_binding_and_modality(router: Router) -> None:
    result = await fused(router, text(*CAT))

    assert "words -> eyes (affine)" in result.routing.projections
    assert result.routing.binding == binding().revision
    assert result.routing.modality == "text"
    assert result.routing.policy == "uniform"


EVERY = {"words": CAT, "names": CAT, "eyes": CAT, "ears": CAT}


@each("joined", [False, True])
@each("spaces", [some for size in range(1, 5) for some in combinations(EVERY, size)])
@each("made", [binding, routed])
async def test_every_subset_of_the_spaces_answers_and_its_weights_sum_to_one(
    made: Any, spaces: tuple[str, ...], joined: bool
) -> None:
    router = Router.bound(made())
    numbers = (
        {"words": 0, "names": 0, "eyes": 1, "ears": 2} if joined else {s: i for i, s in enumerate(EVERY)}
    )
    parts = [FusePart(said(space, *CAT), 1.0, numbers[space]) for space in spaces]

    for role in Role:
        result = await fused(router, parts, role=role)

        assert sum(result.routing.weights.values()) == pytest.approx(1)
        assert all(weight >= 0 for weight in result.routing.weights.values())
        assert np.isfinite(result.vector.values).all()
        assert result.vector.values.any()
        assert result.routing.degraded == bool(result.routing.missing)
        assert set(result.routing.reasons) == set(result.routing.missing)
        lost = {"words", "names"} - set(spaces)
        if lost != {"words", "names"} and lost:
            assert lost <= set(result.routing.missing)


async def test_a_lost_text_space_is_missing_with_a_reason_and_its_expected_loss(router: Router) -> None:
    whole = await fused(router, text(*CAT))
    result = await fused(router, [FusePart(said("words", *CAT))])

    assert whole.routing.expected_recall_loss == 0
    assert result.routing.missing == ["names"]
    assert result.routing.reasons == {"names": "not given"}
    assert result.routing.expected_recall_loss == LOSSES["text"]["names"]
    assert result.routing.weights == pytest.approx({"words": 1 / 3, "eyes": 1 / 3, "ears": 1 / 3})


async def test_a_space_without_a_block_of_its_own_is_missed_too() -> None:
    bound = binding()
    blocks = tuple(one for one in bound.blocks if one.space.name != "names")
    projections = tuple(one for one in bound.projections if one.block != "names")
    less = dataclasses.replace(bound, blocks=blocks, projections=projections)
    router = Router.bound(less, modalities={"names": Modality.TEXT})

    result = await fused(router, [FusePart(said("words", *CAT))])

    assert set(result.routing.weights) == {"words", "eyes", "ears"}
    assert result.routing.missing == ["names"]
    assert result.routing.expected_recall_loss == LOSSES["text"]["names"]


async def test_the_loss_of_several_contents_is_by_their_share(router: Router) -> None:
    parts = [FusePart(said("words", *CAT), 1.0, 0), *photo(*CAT, content=1, weight=3.0)]

    result = await fused(router, parts)

    assert result.routing.expected_recall_loss == pytest.approx(LOSSES["text"]["names"] / 4)


async def test_a_space_of_weight_zero_is_not_missed(router: Router) -> None:
    result = await fused(router, [FusePart(said("words", *CAT))], routing=Routing("explicit", {"words": 1.0}))

    assert not result.routing.missing
    assert result.routing.expected_recall_loss == 0


async def test_words_are_taken_away_from_a_photo(router: Router) -> None:
    cats, cups = [await fused(router, photo(*one), role=Role.DOCUMENT) for one in (CAT, CUP)]
    both = await fused(router, photo(1, 1, 0))
    less = await fused(router, [*photo(1, 1, 0), *text(*CUP, content=1, weight=-0.5)])

    assert both.vector.values @ cats.vector.values == pytest.approx(both.vector.values @ cups.vector.values)
    assert less.vector.values @ cats.vector.values > both.vector.values @ cats.vector.values
    assert less.vector.values @ cups.vector.values < both.vector.values @ cups.vector.values


async def test_several_photos_are_averaged(router: Router) -> None:
    parts = [*photo(*CAT, content=0), *photo(*CUP, content=1), *photo(*CUP, content=2)]

    result = await fused(router, parts, role=Role.DOCUMENT)

    assert block(router, result, "eyes")[:3] == pytest.approx(np.array([1, 2, 0]) / 5**0.5)


async def test_a_document_takes_nothing_away_and_says_why(router: Router) -> None:
    result = await fuse(router, [*photo(*CAT), *text(*CUP, content=1, weight=-1)], role=Role.DOCUMENT)

    assert isinstance(result, InvalidInput)
    assert "only a query takes away" in result.message
    assert str(result.field) == "inputs[0].parts[1].weight"


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
async def test_contents_that_cancel_each_other_out_are_refused(router: Router, scale: float) -> None:
    result = await fuse(router, [*photo(*CAT, weight=scale), *photo(*CAT, content=1, weight=-scale)])

    assert isinstance(result, InvalidInput)
    assert "cancel each other out" in result.message


async def test_a_block_that_only_a_part_reached_is_left_out_where_another_has_all(router: Router) -> None:
    result = await fused(router, [*photo(*CAT), *text(*CUP, content=1, weight=-0.5)])

    assert set(result.routing.weights) == {"words", "names", "eyes"}, "the sounds' block never saw the photo"
    assert not result.routing.degraded


async def test_classes_are_shown_of_what_is_looked_for_and_not_of_what_is_taken_away(router: Router) -> None:
    cat, cup = (said("eyes", *v, labels=[Label(n, 0, 0.9)]) for n, v in {"cat": CAT, "cup": CUP}.items())

    result = await fused(router, [FusePart(cat), FusePart(cup, -0.5, 1)])

    assert [label.name for label in result.labels] == ["cat"]


async def test_an_unknown_space_and_another_revision_are_mismatches(router: Router) -> None:
    nose = SpaceRef("nose", "r", "f")
    stale = SpaceRef("eyes", "r9", "f3")
    errors = [
        await fuse(
            router, [FusePart(Encoding(ref, Modality.IMAGE, vector=Vector(np.ones(5, np.float32), ref)))]
        )
        for ref in (nose, stale)
    ]

    assert all(isinstance(error, SpaceMismatch) for error in errors)
    assert "words, names, eyes, ears" in errors[0].message
    assert str(EYES) in errors[1].message


async def test_one_bad_input_leaves_the_others_and_a_large_batch_gives_what_one_by_one_gives() -> None:
    router = Router.bound(routed())
    rng = np.random.default_rng(0)
    inputs = [text(*rng.normal(size=3)) for _ in range(20)] + [photo(*rng.normal(size=3)) for _ in range(20)]
    inputs[7] = [FusePart(said("words"))]

    together = (await router.fuse(FuseRequest(inputs), NO_CALL)).results

    assert isinstance(together[7], InvalidInput)
    assert str(together[7].field) == "inputs[7].parts[0].encoding.dense.values"
    for number, (parts, result) in enumerate(zip(inputs, together, strict=True)):
        if number != 7:
            alone = await fused(router, parts)
            assert isinstance(result, Fused)
            assert result.vector.values == pytest.approx(alone.vector.values, abs=1e-6)
            assert result.routing.weights == pytest.approx(alone.routing.weights, abs=1e-6)


def test_other_routers_or_losses_leave_the_space_and_another_projection_makes_another() -> None:
    plain = Router.bound(binding()).space
    first, second, *others = binding().projections
    moved = dataclasses.replace(second, state={**second.state, "offset": np.ones(5, np.float32)})

    assert Router.bound(routed()).space.ref == plain.ref
    assert Router.bound(binding(losses={})).space.ref == plain.ref
    assert Router.bound(binding(projections=(first, moved, *others))).space.ref != plain.ref
    assert Router.bound(binding(blocks=binding().blocks[::-1])).space.ref != plain.ref


@each(
    "bad, says",
    [
        (BoundProjection(EYES, 5, "words", "telepathy"), "telepathy"),
        (BoundProjection(EYES, 5, "words", "affine", {"strength": 2}), "no parameter 'strength'"),
        (BoundProjection(EYES, 5, "words", "affine"), "the state lacks the array 'map'"),
        (dataclasses.replace(projection("eyes", "names"), block="words"), "should be [source 5, target 4]"),
        (BoundProjection(EYES, 5, "nose", "affine"), "has no block"),
        (
            dataclasses.replace(projection("eyes", "words"), source=SpaceRef("eyes", "r9", "f3")),
            "do not agree",
        ),
    ],
)
def test_a_projection_that_does_not_fit_stops_the_start_and_says_what_to_do(
    bad: BoundProjection, says: str
) -> None:
    with pytest.raises(StartupError, match="tieback bind") as refusal:
        Router.bound(binding(projections=(*binding().projections, bad)))

    assert says in refusal.value.message


def ranges(router: Router, *names: str) -> list[IgnoredDimensions]:
    blocks = map(router.space.block, names)
    return [IgnoredDimensions(Modality.TEXT, block.start, block.stop) for block in blocks]


async def test_texts_are_not_compared_with_texts_in_the_blocks_of_photos_and_sounds(router: Router) -> None:
    asked = await fused(router, text(*CAT))
    less = await fused(router, text(*CAT) + text(*CUP, content=1, weight=-0.5))
    stored = await fused(router, text(*CAT), role=Role.DOCUMENT)

    assert asked.ignored == less.ignored == ranges(router, "eyes", "ears")
    assert list(stored.ignored) == []


async def test_all_blocks_count_where_a_photo_or_a_sound_asks(router: Router) -> None:
    for parts in (photo(*CAT), sound(*CAT), photo(*CAT) + text(*CUP, content=1)):
        assert list((await fused(router, parts)).ignored) == []


async def test_blocks_without_a_weight_need_not_be_ignored_and_never_are_all(router: Router) -> None:
    eyes = await fused(router, text(*CAT), routing=Routing("explicit", {"words": 1, "eyes": 1}))
    words = await fused(router, text(*CAT), routing=Routing("explicit", {"words": 1}))
    alone = await fused(router, text(*CAT), routing=Routing("explicit", {"eyes": 1}))

    assert eyes.ignored == ranges(router, "eyes")
    assert list(words.ignored) == list(alone.ignored) == []


async def test_a_block_that_texts_share_with_photos_counts_for_both() -> None:
    blocks = [
        dataclasses.replace(one, encodes=(Modality.IMAGE, Modality.TEXT)) if one.space == EYES else one
        for one in binding().blocks
    ]
    router = Router.bound(binding(blocks=tuple(blocks)))

    assert (await fused(router, text(*CAT))).ignored == ranges(router, "ears")
