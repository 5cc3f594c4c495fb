"""The blocks of lost spaces are imputed, as the binding or the request has it, and the explanation tells."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.small_binding import LOSSES, NAMES_OF_BLOCKS, binding, imputation, photo, routed, said, text
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.methods.imputation import imputations
from tieback.models.joint.artifact import BoundImputation, JointSpaceArtifact
from tieback.router import Component, Router
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.method_choice import MethodChoice

CAT, CUP, CAR = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
WITHOUT_NAMES = [FusePart(said("words", *CAT))]
EVERY = tuple(imputation(name) for name in ("ridge", "skip"))


def bound(
    *imputations: BoundImputation, made: Callable[[], JointSpaceArtifact] = binding
) -> JointSpaceArtifact:
    return dataclasses.replace(made(), imputations=imputations)


@pytest.fixture
def router() -> Router:
    return Router.bound(bound(*EVERY))


async def fuse(router: Router, parts: list[FusePart], missing: MethodChoice | None = None, **how: Any) -> Any:
    how.setdefault("routing", Routing(imputation=missing))
    return (await router.fuse(FuseRequest([parts], **how), NO_CALL)).results[0]


async def fused(router: Router, parts: list[FusePart], missing: Any = None, **how: Any) -> Fused:
    choice = MethodChoice(missing) if isinstance(missing, str) else missing
    result = await fuse(router, parts, choice, **how)
    assert isinstance(result, Fused), result
    return result


def block(router: Router, result: Fused, name: str) -> np.ndarray:
    return result.vector.values[router.space.block(name)]


async def test_a_lost_text_space_is_imputed_and_stays_missing(router: Router) -> None:
    whole = await fused(router, text(*CAT))
    result = await fused(router, WITHOUT_NAMES, "ridge")

    assert result.routing.imputed == {"names": "ridge"}
    assert result.routing.missing == ["names"]
    assert result.routing.reasons == {"names": "not given"}
    assert result.routing.degraded
    assert result.routing.weights == pytest.approx(whole.routing.weights)
    assert result.vector.values == pytest.approx(whole.vector.values, abs=0.02)
    assert not whole.routing.imputed


async def test_a_request_that_says_nothing_gets_the_bindings_first_method(router: Router) -> None:
    assert (await fused(router, WITHOUT_NAMES)).routing.imputed == {"names": "ridge"}
    skipping = Router.bound(bound(*EVERY[::-1]))
    assert not (await fused(skipping, WITHOUT_NAMES)).routing.imputed


async def test_a_method_of_a_package_that_is_not_there_is_passed_over_unless_it_is_the_first() -> None:
    router = Router.bound(bound(*EVERY, BoundImputation("elsewhere", {}, {"rows.0": np.ones((1, 4))})))

    assert (await fused(router, WITHOUT_NAMES)).routing.imputed == {"names": "ridge"}
    with pytest.raises(NotFound, match="elsewhere"):
        await fuse(router, WITHOUT_NAMES, MethodChoice("elsewhere"))


async def test_skip_is_what_a_binding_without_imputations_does(router: Router) -> None:
    plain = await fused(Router.bound(binding()), WITHOUT_NAMES)
    skipped = await fused(router, WITHOUT_NAMES, "skip")

    assert (skipped.vector.values == plain.vector.values).all()
    assert skipped.routing.weights == plain.routing.weights
    assert not skipped.routing.imputed
    assert skipped.routing.missing == ["names"]


async def test_the_expected_loss_is_the_methods_own(router: Router) -> None:
    losses = {
        method: (await fused(router, WITHOUT_NAMES, method)).routing.expected_recall_loss
        for method in imputations.names()
    }

    assert losses == {name: imputation(name).losses["text"]["names"] for name in imputations.names()}
    plain = await fused(Router.bound(binding()), WITHOUT_NAMES)
    assert plain.routing.expected_recall_loss == LOSSES["text"]["names"]


async def test_what_is_stored_is_filled_only_where_it_is_asked_for(router: Router) -> None:
    stored = await fused(router, WITHOUT_NAMES, role=Role.DOCUMENT)
    asked_for = await fused(router, WITHOUT_NAMES, "ridge", role=Role.DOCUMENT)

    assert not block(router, stored, "names").any()
    assert not stored.routing.imputed
    assert np.linalg.norm(block(router, asked_for, "names")) == pytest.approx(1, abs=1e-5)
    assert asked_for.routing.imputed == {"names": "ridge"}


async def test_a_block_that_nothing_of_the_modality_reaches_is_not_filled(router: Router) -> None:
    result = await fused(router, photo(*CAT))

    assert set(result.routing.weights) == {"words", "names", "eyes"}
    assert not result.routing.imputed
    assert not result.routing.degraded


async def test_words_beside_a_photo_are_filled_by_themselves(router: Router) -> None:
    parts = [*photo(*CAR, content=1), *text(*CUP)]
    lost = [part for part in parts if part.encoding.space.name != "names"]

    whole, less, skipped = [await fused(router, *how) for how in ((parts,), (lost, "ridge"), (lost, "skip"))]

    assert less.vector.values == pytest.approx(whole.vector.values, abs=0.02)
    assert "names" not in skipped.routing.weights, "that block heard of the photo alone"


async def test_a_content_of_negative_weight_is_imputed_too(router: Router) -> None:
    parts = [*photo(*CAT, content=1), *text(*CUP, weight=-0.5)]
    lost = [part for part in parts if part.encoding.space.name != "words"]

    whole, less = await fused(router, parts), await fused(router, lost)

    assert less.routing.imputed == {"words": "ridge"}
    assert less.vector.values == pytest.approx(whole.vector.values, abs=0.02)


async def test_a_lost_space_that_alone_has_a_weight_still_answers(router: Router) -> None:
    only = Routing("explicit", {"names": 1.0})

    result = await fused(router, WITHOUT_NAMES, routing=only)
    refused = await fuse(
        router, WITHOUT_NAMES, routing=dataclasses.replace(only, imputation=MethodChoice("skip"))
    )

    assert result.routing.weights["names"] == 1
    assert result.routing.imputed == {"names": "ridge"}
    assert isinstance(refused, InvalidInput)
    assert "every space with a weight is missing" in refused.message


async def test_an_imputed_block_of_no_weight_is_not_reported(router: Router) -> None:
    result = await fused(router, WITHOUT_NAMES, routing=Routing("explicit", {"words": 1.0}))

    assert not result.routing.imputed
    assert not result.routing.missing


async def test_the_router_reads_the_imputed_block_of_its_input() -> None:
    router = Router.bound(bound(*EVERY, made=routed))
    whole = await fused(router, text(*CAT))
    lost = [FusePart(said("names", *CAT))]

    filled, skipped = await fused(router, lost), await fused(router, lost, "skip")

    assert filled.routing.weights == pytest.approx(whole.routing.weights, abs=0.01)
    assert abs(skipped.routing.weights["eyes"] - whole.routing.weights["eyes"]) > 0.05


@each("method", imputations.names())
@each("made", [binding, routed])
@each("spaces", [some for size in range(1, 5) for some in combinations(NAMES_OF_BLOCKS, size)])
async def test_every_subset_of_the_spaces_answers(spaces: tuple[str, ...], made: Any, method: str) -> None:
    router = Router.bound(bound(*EVERY, made=made))
    contents = {"words": 0, "names": 0, "eyes": 1, "ears": 2}
    parts = [FusePart(said(space, *CAT), 1.0, contents[space]) for space in spaces]

    for role in Role:
        result = await fused(router, parts, method, role=role)

        assert sum(result.routing.weights.values()) == pytest.approx(1)
        assert np.isfinite(result.vector.values).all()
        assert set(result.routing.imputed) <= set(result.routing.missing)


async def test_a_batch_gives_what_each_input_gives_alone(router: Router) -> None:
    draw = np.random.default_rng(0)
    inputs = [text(*draw.normal(size=3)) for _ in range(20)]
    inputs = [parts[number % 3 : number % 3 + 1] or parts for number, parts in enumerate(inputs)]

    together = [
        one for one in (await router.fuse(FuseRequest(inputs), NO_CALL)).results if isinstance(one, Fused)
    ]

    assert {one.routing.imputed.get("names", "") for one in together} == {"ridge", ""}
    for parts, result in zip(inputs, together, strict=True):
        alone = await fused(router, parts)
        assert result.vector.values == pytest.approx(alone.vector.values, abs=1e-6)
        assert result.routing.imputed == alone.routing.imputed


async def test_an_unknown_method_is_not_found_and_the_choices_are_named(router: Router) -> None:
    with pytest.raises(NotFound) as refusal:
        await fuse(router, WITHOUT_NAMES, MethodChoice("pray"))

    assert refusal.value.choices == imputations.names()


@pytest.mark.parametrize("role", Role)
async def test_a_method_that_the_binding_has_no_state_for_is_refused_with_what_there_is(role: Role) -> None:
    router = Router.bound(bound(imputation("skip")))

    with pytest.raises(InvalidInput, match="nothing fitted for 'ridge'; it can: skip;") as refusal:
        await fuse(router, text(*CAT), MethodChoice("ridge"), role=role)

    assert str(refusal.value.field) == "routing.imputation.name"
    assert "tieback bind" in refusal.value.message


async def test_a_joint_space_of_class_names_can_only_skip() -> None:
    router = Router([Component(said("words", *CAT).space, 4)])

    assert isinstance(await fuse(router, WITHOUT_NAMES, MethodChoice("skip")), Fused)
    with pytest.raises(InvalidInput, match="it can: skip;"):
        await fuse(router, WITHOUT_NAMES, MethodChoice("ridge"))


@each(
    "asked, field",
    [
        (MethodChoice("ridge", {"strength": 1}), "parameters.strength"),
        (MethodChoice("skip", {"k": 1}), "parameters.k"),
        (MethodChoice("", {"k": 1}), "parameters"),
    ],
)
async def test_a_bad_parameter_is_refused_by_its_path_though_nothing_is_missing(
    router: Router, asked: MethodChoice, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await fuse(router, text(*CAT), asked)

    assert str(refusal.value.field) == f"routing.imputation.{field}"


async def test_an_input_of_which_nothing_is_known_is_refused_as_ever(router: Router) -> None:
    result = await fuse(router, [])

    assert isinstance(result, InvalidInput)
    assert "needs at least one encoding" in result.message


async def test_a_broken_vector_is_refused_and_not_imputed(router: Router) -> None:
    result = await fuse(router, [FusePart(said("words", *CAT)), FusePart(said("names", float("nan")))])

    assert isinstance(result, InvalidInput)
    assert str(result.field) == "inputs[0].parts[1].encoding.dense.values"


@each(
    "bad, says",
    [
        (BoundImputation("pray"), "pray"),
        (BoundImputation("ridge"), "was not fitted"),
        (
            dataclasses.replace(imputation("ridge"), parameters={"strength": 1}),
            "no parameter 'strength'",
        ),
        (
            dataclasses.replace(
                imputation("ridge"),
                state={"map.0.1": np.ones((9, 3), np.float32), "offset.0.1": np.ones(3, np.float32)},
            ),
            "should be [width 0 4, width 1 3]",
        ),
        (
            dataclasses.replace(imputation("ridge"), state={"map.0.1": np.ones((4, 3), np.float32)}),
            "offset.0.1",
        ),
    ],
)
def test_what_does_not_fit_stops_the_start_and_says_what_to_do(bad: BoundImputation, says: str) -> None:
    with pytest.raises(StartupError, match="tieback bind") as refusal:
        Router.bound(bound(bad))

    assert says in refusal.value.message


def test_imputations_leave_the_space_as_it_is() -> None:
    assert Router.bound(bound(*EVERY)).space.ref == Router.bound(binding()).space.ref
