from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.each import each
from tieback.core.call import NO_CALL, Call
from tieback.core.deadline import Deadline
from tieback.core.errors import (
    DeadlineExceeded,
    InvalidInput,
    NotFound,
    OtherWeights,
    SpaceMismatch,
    StartupError,
    TiebackError,
)
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.methods.routing import routings
from tieback.models.joint.bridges import ClassNameBridge
from tieback.router import Component, Router
from tieback_contract.encodings import Encoding, Label
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import DType, SpaceRef, Vector

WIDE, NARROW = SpaceRef("wide", "r1", "f1"), SpaceRef("narrow", "r2", "f2")
EYES = SpaceRef("eyes", "r3", "f3")
CLASSES = ("cat", "cup", "car")
WIDE_NAMES, NARROW_NAMES = np.eye(4, dtype=np.float32)[:3], np.eye(3, dtype=np.float32)


def bindings() -> list[ClassNameBridge]:
    return [
        ClassNameBridge(EYES, WIDE, CLASSES, WIDE_NAMES),
        ClassNameBridge(EYES, NARROW, CLASSES, NARROW_NAMES),
    ]


@pytest.fixture
def router() -> Router:
    return Router([Component(WIDE, 4), Component(NARROW, 3)], bindings())


def text(space: SpaceRef, *values: float, **about: Any) -> Encoding:
    dense = Vector(np.array(values, np.float32), space, **about)
    return Encoding(space, Modality.TEXT, vector=dense)


def picture(*labels: tuple[int, float], space: SpaceRef = EYES) -> Encoding:
    return Encoding(space, Modality.IMAGE, labels=[Label(CLASSES[i % 3], i, p) for i, p in labels])


def both(content: int = 0, weight: float = 1.0) -> list[FusePart]:
    return [
        FusePart(text(WIDE, 1, 0, 0, 0), weight, content),
        FusePart(text(NARROW, 0, 1, 0), weight, content),
    ]


async def fuse(
    router: Router, *parts: FusePart, role: Role = Role.QUERY, routing: Routing | None = None
) -> Fused | TiebackError:
    reply = await router.fuse(FuseRequest([parts], role=role, routing=routing or Routing()), NO_CALL)
    return reply.results[0]


async def fused(router: Router, *parts: FusePart, **how: Any) -> Fused:
    result = await fuse(router, *parts, **how)
    assert isinstance(result, Fused), result
    return result


async def refused(router: Router, *parts: FusePart) -> InvalidInput:
    result = await fuse(router, *parts)
    assert isinstance(result, InvalidInput), result
    return result


async def test_a_document_has_a_unit_block_for_every_component(router: Router) -> None:
    result = await fused(router, *both(), role=Role.DOCUMENT)

    assert result.vector.space == router.space.ref
    assert result.vector.values.tolist() == [0, 1, 0, 1, 0, 0, 0], "blocks stand in the order of their names"
    assert not result.vector.normalized


async def test_the_inner_product_of_query_and_document_is_the_weighted_mean_of_the_cosines(
    router: Router,
) -> None:
    rng = np.random.default_rng(0)
    wide, narrow = rng.normal(size=(2, 4)), rng.normal(size=(2, 3))
    cosines = [one[0] @ one[1] / np.linalg.norm(one[0]) / np.linalg.norm(one[1]) for one in (wide, narrow)]
    query, document = ([FusePart(text(WIDE, *wide[i])), FusePart(text(NARROW, *narrow[i]))] for i in (0, 1))

    asks = await fused(router, *query, routing=Routing("explicit", {"wide": 3, "narrow": 1}))
    stored = await fused(router, *document, role=Role.DOCUMENT)

    assert asks.vector.values @ stored.vector.values == pytest.approx(
        0.75 * cosines[0] + 0.25 * cosines[1], abs=1e-6
    )


async def test_weights_of_a_query_sum_to_one_and_come_with_their_entropy(router: Router) -> None:
    result = await fused(router, *both())

    assert result.routing.weights == {"narrow": 0.5, "wide": 0.5}
    assert result.routing.entropy == pytest.approx(math.log(2))
    assert not result.routing.degraded


async def test_a_lost_component_is_named_and_the_others_take_its_weight(router: Router) -> None:
    result = await fused(router, FusePart(text(WIDE, 0, 2, 0, 0)))

    assert result.routing.weights == {"wide": 1.0}
    assert result.routing.entropy == 0
    assert result.routing.missing == ["narrow"]
    assert result.routing.degraded
    assert result.vector.values.tolist() == [0, 0, 0, 0, 1, 0, 0]


async def test_a_component_of_weight_zero_is_not_missed(router: Router) -> None:
    result = await fused(router, FusePart(text(WIDE, 1, 0, 0, 0)), routing=Routing("explicit", {"wide": 1}))

    assert not result.routing.missing
    assert not result.routing.degraded


async def test_a_picture_enters_every_component_through_the_names_of_its_classes(router: Router) -> None:
    result = await fused(router, FusePart(picture((0, 0.3), (1, 0.4))), role=Role.DOCUMENT)

    assert result.vector.values == pytest.approx([0.6, 0.8, 0, 0.6, 0.8, 0, 0])
    assert result.routing.projections == ["eyes -> narrow (class names)", "eyes -> wide (class names)"]
    assert [label.name for label in result.labels] == ["cup", "cat"], "most probable first"


async def test_a_photo_and_words_meet_in_every_component_by_their_weights(router: Router) -> None:
    result = await fused(router, FusePart(picture((0, 1.0)), 1.0, 0), *both(content=1, weight=3.0))

    narrow = result.vector.values[:3] / np.linalg.norm(result.vector.values[:3])
    assert narrow == pytest.approx(np.array([1, 3, 0]) / np.sqrt(10))
    assert set(result.routing.weights) == {"narrow", "wide"}


async def test_a_component_with_the_photo_alone_is_left_out_where_another_has_the_words_too(
    router: Router,
) -> None:
    words_in_one_space = FusePart(text(WIDE, 0, 0, 0, 1), content=1)

    result = await fused(router, FusePart(picture((0, 1.0)), content=0), words_in_one_space)

    assert result.routing.weights == {"wide": 1.0}
    assert result.routing.missing == ["narrow"]


async def test_a_content_of_weight_zero_has_no_say(router: Router) -> None:
    alone = await fused(router, *both(content=0))
    beside = await fused(router, *both(content=0), FusePart(picture((2, 1.0)), 0.0, 1))

    assert beside.vector.values.tolist() == alone.vector.values.tolist()


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
async def test_a_vector_in_a_smaller_type_means_the_same(router: Router, dtype: Any) -> None:
    values = Vector(np.array([0, 100, 0, 0], dtype), WIDE, DType(np.dtype(dtype).name), scale=0.01)

    result = await fused(router, FusePart(Encoding(WIDE, Modality.TEXT, vector=values)))

    assert result.vector.values.tolist() == [0, 0, 0, 0, 1, 0, 0]


async def test_one_bad_input_gets_an_error_and_the_others_succeed(router: Router) -> None:
    reply = await router.fuse(
        FuseRequest([both(), [FusePart(text(WIDE, 1, 0, 0, math.nan))], both()]), NO_CALL
    )

    good, bad, also_good = reply.results
    assert isinstance(good, Fused)
    assert isinstance(also_good, Fused)
    assert isinstance(bad, InvalidInput)
    assert str(bad.field) == "inputs[1].parts[0].encoding.dense.values"


async def test_a_large_batch_gives_what_one_by_one_gives(router: Router) -> None:
    rng = np.random.default_rng(0)
    inputs = [[FusePart(text(WIDE, *rng.normal(size=4)))] for _ in range(50)]

    together = await router.fuse(FuseRequest(inputs), NO_CALL)

    for parts, result in zip(inputs, together.results, strict=True):
        assert isinstance(result, Fused)
        assert result.vector.values.tolist() == (await fused(router, *parts)).vector.values.tolist()


async def test_an_unknown_space_is_a_mismatch_that_names_the_projected_spaces(router: Router) -> None:
    error = await refused(router, FusePart(text(SpaceRef("nose", "r", "f"), 1, 2)))

    assert isinstance(error, SpaceMismatch)
    assert "narrow, wide, eyes" in error.message


@pytest.mark.parametrize(
    "other", [SpaceRef("wide", "r9", "f1"), SpaceRef("wide", "r1", "f9"), SpaceRef("wide", "", "")]
)
async def test_another_revision_or_fingerprint_is_a_mismatch_that_names_both(
    router: Router, other: Any
) -> None:
    error = await refused(router, FusePart(text(other, 1, 0, 0, 0)))

    assert isinstance(error, SpaceMismatch)
    assert str(other) in error.message
    assert "wide@r1" in error.message
    assert "f1" in error.message


async def test_a_picture_by_other_weights_than_those_bound_is_a_mismatch(router: Router) -> None:
    error = await refused(router, FusePart(picture((0, 1.0), space=SpaceRef("eyes", "r9", "f3"))))

    assert isinstance(error, SpaceMismatch)


@each(
    "parts, says, field",
    [
        ([], "at least one encoding", "parts"),
        ([FusePart(text(WIDE, 1, 0))], "width 2", "parts[0].encoding.dense.values"),
        ([FusePart(text(WIDE, 1, 0, math.inf, 0))], "infinity", "parts[0].encoding.dense.values"),
        ([FusePart(text(WIDE, 0, 0, 0, 0))], "all zeros", "parts[0].encoding.dense.values"),
        ([FusePart(text(WIDE, 1, dtype=DType.BINARY))], "binary", "parts[0].encoding.dense"),
        ([FusePart(Encoding(WIDE, Modality.TEXT))], "DENSE", "parts[0].encoding.dense"),
        ([FusePart(Encoding(EYES, Modality.IMAGE))], "LABELS", "parts[0].encoding.labels"),
        ([FusePart(picture((3, 1.0)))], "classes 0 to 2, not 3", "parts[0].encoding.labels[0].index"),
        ([FusePart(picture((0, math.nan)))], "0 to 1", "parts[0].encoding.labels[0].probability"),
        ([FusePart(picture((0, 0.0)))], "all probabilities are 0", "parts[0].encoding.labels"),
        ([FusePart(text(WIDE, 1, 0, 0, 0), math.nan)], "finite", "parts[0].weight"),
        ([FusePart(text(WIDE, 1, 0, 0, 0), 0.0)], "all weights are 0", "parts"),
        ([*both(), *both()], "two encodings by wide", "parts[2].content"),
        (
            [FusePart(text(WIDE, 1, 0, 0, 0), 1.0, 0), FusePart(text(WIDE, -1, 0, 0, 0), 1.0, 1)],
            "cancel each other out",
            "parts",
        ),
        ([both()[0], FusePart(text(NARROW, 1, 0, 0), 2.0, 0)], "differ in weight", "parts[1].weight"),
    ],
)
async def test_a_malformed_input_is_refused_by_its_place(
    router: Router, parts: Any, says: str, field: str
) -> None:
    error = await refused(router, *parts)

    assert says in error.message
    assert str(error.field) == f"inputs[0].{field}"


async def test_an_input_that_reaches_no_space_of_any_weight_is_refused(router: Router) -> None:
    result = await fuse(router, FusePart(text(WIDE, 1, 0, 0, 0)), routing=Routing("explicit", {"narrow": 1}))

    assert isinstance(result, InvalidInput)
    assert "narrow" in result.message


@each(
    "routing, field",
    [
        (Routing("explicit", {"nose": 1}), 'routing.weights["nose"]'),
        (Routing("explicit", {"wide": -1}), 'routing.weights["wide"]'),
        (Routing("explicit", {"wide": math.nan}), 'routing.weights["wide"]'),
        (Routing("explicit", {"wide": 0}), "routing.weights"),
        (Routing("explicit"), "routing.weights"),
        (Routing("uniform", {"wide": 1}), "routing.weights"),
    ],
)
async def test_bad_weights_are_refused_by_their_place(router: Router, routing: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await router.fuse(FuseRequest([both()], routing=routing), NO_CALL)

    assert str(refusal.value.field) == field


async def test_an_unknown_policy_is_not_found_and_the_choices_are_named(router: Router) -> None:
    with pytest.raises(NotFound) as refusal:
        await router.fuse(FuseRequest([both()], routing=Routing("learned")), NO_CALL)

    assert refusal.value.choices == routings.names()


async def test_an_empty_or_too_large_batch_is_refused() -> None:
    router = Router([Component(WIDE, 4)], limits=Limits(batch_items=2))

    batches: tuple[list[list[FusePart]], ...] = ([], [[], [], []])
    for inputs in batches:
        with pytest.raises(InvalidInput) as refusal:
            await router.fuse(FuseRequest(inputs), NO_CALL)
        assert str(refusal.value.field) == "inputs"


async def test_nothing_is_fused_after_the_deadline(router: Router) -> None:
    with pytest.raises(DeadlineExceeded):
        await router.fuse(FuseRequest([both()]), Call(Deadline.after(-1)))


def test_the_joint_space_is_renamed_by_anything_that_would_move_a_vector() -> None:
    components = [Component(WIDE, 4), Component(NARROW, 3)]
    others = [
        Router(components).space.ref,
        Router(components, bindings()[:1]).space.ref,
        Router([Component(WIDE, 4)]).space.ref,
        Router([Component(SpaceRef("wide", "r9", "f1"), 4), Component(NARROW, 3)]).space.ref,
        Router(
            components, [ClassNameBridge(EYES, WIDE, CLASSES, WIDE_NAMES[::-1].copy()), bindings()[1]]
        ).space.ref,
    ]

    assert Router(components[::-1], bindings()[::-1]).space.ref == Router(components, bindings()).space.ref
    assert len({Router(components, bindings()).space.ref, *others}) == 6


def test_collections_of_a_class_name_space_outlive_releases(router: Router) -> None:
    assert router.space.ref == SpaceRef("joint", "c2ab0326110b", "ee2cdd2a00ea")


@pytest.mark.parametrize(
    ("stale", "error"),
    [
        ([ClassNameBridge(EYES, SpaceRef("wide", "r9", "f1"), CLASSES, WIDE_NAMES)], OtherWeights),
        ([ClassNameBridge(EYES, WIDE, CLASSES, NARROW_NAMES)], StartupError),
        ([bindings()[0], bindings()[0]], StartupError),
    ],
)
def test_a_binding_for_other_weights_stops_the_start_and_says_what_to_do(
    stale: Any, error: type[StartupError]
) -> None:
    with pytest.raises(error, match="tieback models pull"):
        Router([Component(WIDE, 4)], stale)
