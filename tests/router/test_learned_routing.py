"""Learned routers weight the blocks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.each import each
from support.small_binding import (
    EYES,
    binding,
    photo,
    routed,
    said,
    text,
    text_router,
)
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.fusion import FuseRequest, Role, Routing
from tieback.models.joint.artifact import BoundRouter, SpaceBlock
from tieback.router import Component, Router
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.modality import Modality

CAT, CUP, CAR = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


@pytest.fixture
def router() -> Router:
    return Router.bound(routed())


async def fuse(router: Router, parts: list[FusePart], policy: str = "", **how: Any) -> Any:
    role = how.pop("role", Role.QUERY)
    return (
        await router.fuse(FuseRequest([parts], role=role, routing=Routing(policy, **how)), NO_CALL)
    ).results[0]


async def fused(router: Router, parts: list[FusePart], policy: str = "", **how: Any) -> Fused:
    result = await fuse(router, parts, policy, **how)
    assert isinstance(result, Fused), result
    return result


def loudest(result: Fused) -> str:
    return max(result.routing.weights, key=lambda name: result.routing.weights[name])


async def test_a_text_is_sent_to_the_block_that_its_router_favours(router: Router) -> None:
    cat, car = await fused(router, text(*CAT)), await fused(router, text(*CAR))

    assert (loudest(cat), loudest(car)) == ("eyes", "ears")
    assert cat.routing.policy == "soft"
    assert cat.routing.binding == routed().revision
    assert not cat.routing.fallback
    assert sum(cat.routing.weights.values()) == pytest.approx(1)


async def test_what_is_stored_does_not_depend_on_routers(router: Router) -> None:
    plain = Router.bound(binding())

    ours = await fused(router, text(*CAT), role=Role.DOCUMENT)
    theirs = await fused(plain, text(*CAT), role=Role.DOCUMENT)

    assert ours.vector.values.tolist() == theirs.vector.values.tolist()
    assert ours.vector.space == theirs.vector.space


async def test_a_request_overrules_the_routers(router: Router) -> None:
    uniform = await fused(router, text(*CAT), "uniform")
    explicit = await fused(router, text(*CAT), weights={"names": 2.0, "ears": 2.0})
    flat = await fused(router, text(*CAT), "soft", parameters={"sharpness": 0.1})

    assert set(uniform.routing.weights.values()) == {0.25}
    assert (uniform.routing.policy, explicit.routing.policy) == ("uniform", "explicit")
    assert explicit.routing.weights == pytest.approx({"words": 0, "names": 0.5, "eyes": 0, "ears": 0.5})
    assert max(flat.routing.weights.values()) < 0.3


async def test_a_modality_without_a_router_has_equal_weights_and_says_so(router: Router) -> None:
    result = await fused(router, photo(*CAT))

    assert result.routing.weights == pytest.approx({"words": 1 / 3, "names": 1 / 3, "eyes": 1 / 3})
    assert result.routing.policy == "uniform"
    assert "no router knows image" in result.routing.fallback


async def test_a_router_asked_by_name_for_a_modality_it_never_saw_refuses_that_input(router: Router) -> None:
    reply = await router.fuse(FuseRequest([photo(*CAT), text(*CAT)], routing=Routing("soft")), NO_CALL)

    refused, answered = reply.results
    assert isinstance(refused, InvalidInput)
    assert "none for image, only for text" in refused.message
    assert str(refused.field) == "inputs[0].parts"
    assert isinstance(answered, Fused)


async def test_a_router_goes_on_without_a_space_that_is_missing(router: Router) -> None:
    both, alone = await fused(router, text(*CAT)), await fused(router, [FusePart(said("words", *CAT))])

    assert loudest(both) == loudest(alone) == "eyes"
    assert alone.routing.missing == ["names"]
    assert not alone.routing.fallback


async def test_a_router_that_reads_nothing_of_an_input_leaves_its_mean_weights() -> None:
    reads_words = dataclasses.replace(text_router({0: "eyes"}), inputs=("words",))
    state = {
        name: array[:4, :4] if array.ndim == 2 else array[:4] for name, array in reads_words.state.items()
    }
    router = Router.bound(binding([dataclasses.replace(reads_words, state=state)]))

    result = await fused(router, [FusePart(said("names", *CAT))])

    mean_weights = {"names": 0.2, "eyes": 0.5, "ears": 0.1}
    assert result.routing.weights == pytest.approx({name: one / 0.8 for name, one in mean_weights.items()})
    assert "reads words, and none of them" in result.routing.fallback
    assert result.routing.missing == ["words"]


async def test_weights_of_a_photo_and_words_are_mixed_by_their_shares(router: Router) -> None:
    words, picture = await fused(router, text(*CAT)), await fused(router, photo(*CAT))
    mixed = await fused(router, [*text(*CAT, weight=3.0), *photo(*CAT, content=1, weight=-1.0)])

    # The sounds' block heard only the words and is left out, so it gives its weight to the others.
    alone = {name: weight for name, weight in words.routing.weights.items() if name != "ears"}
    expected = {
        name: 0.75 * weight / sum(alone.values()) + 0.25 * picture.routing.weights[name]
        for name, weight in alone.items()
    }
    assert mixed.routing.weights == pytest.approx(expected)
    assert "no router knows image" in mixed.routing.fallback


async def test_without_routers_the_default_is_uniform_and_a_learned_policy_is_refused() -> None:
    for router in (Router.bound(binding()), Router([Component(EYES, 5)])):
        assert (
            await fused(router, photo(*CAT) if router.space.binding else eyes())
        ).routing.policy == "uniform"
    with pytest.raises(InvalidInput, match="this joint space has none") as refusal:
        await fuse(Router.bound(binding()), text(*CAT), "soft")

    assert str(refusal.value.field) == "routing.policy"


def eyes() -> list[FusePart]:
    return [FusePart(said("eyes", *CAT))]


@pytest.mark.parametrize(
    ("routing", "field"),
    [
        (Routing("soft", parameters={"size": 1}), "routing.parameters.size"),
        (Routing("", parameters={"k": 1}), "routing.parameters"),
        (Routing("explicit", {"nose": 1.0}), 'routing.weights["nose"]'),
    ],
)
async def test_bad_parameters_are_refused_by_their_place(
    router: Router, routing: Routing, field: str
) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await router.fuse(FuseRequest([text(*CAT)], routing=routing), NO_CALL)

    assert str(refusal.value.field) == field


@each(
    "bad, says",
    [
        (dataclasses.replace(text_router({}), inputs=("nose",)), "reads 'nose'"),
        (dataclasses.replace(text_router({}), inputs=("words",)), "state of the router for text"),
        (dataclasses.replace(text_router({}), method="guess"), "guess"),
        (dataclasses.replace(text_router({}), parameters={"sharpness": -1}), "sharpness"),
        (dataclasses.replace(text_router({}), mean_weights={"nose": 1.0}), "nose"),
    ],
)
def test_a_router_that_does_not_fit_stops_the_start(bad: BoundRouter, says: str) -> None:
    with pytest.raises(StartupError, match="tieback bind") as refusal:
        Router.bound(binding([bad]))

    assert says in refusal.value.message


async def test_the_routers_of_another_binding_weight_and_the_explanation_names_it() -> None:
    other = binding([text_router({0: "ears"})])

    served = await fused(Router.bound(routed()), text(*CAT))
    tried = await fused(Router.bound(routed(), weighted_by=other), text(*CAT))

    assert (served.routing.binding, tried.routing.binding) == (routed().revision, other.revision)
    assert (loudest(served), loudest(tried)) == ("eyes", "ears")
    assert served.vector.space == tried.vector.space


def test_routers_over_other_blocks_do_not_weight() -> None:
    blocks = (SpaceBlock(EYES, Modality.IMAGE, 4), *binding().blocks[1:])

    with pytest.raises(StartupError, match="which are others"):
        Router.bound(routed(), weighted_by=dataclasses.replace(routed(), blocks=blocks))
    with pytest.raises(StartupError, match="has no routers"):
        Router.bound(routed(), weighted_by=binding())


async def test_a_router_without_a_network_has_the_weights_that_it_was_given() -> None:
    fixed = BoundRouter(Modality.IMAGE, (), "explicit", {"weights": {"eyes": 3.0, "words": 1.0}}, {})
    router = Router.bound(binding([fixed]))

    result = await fused(router, photo(*CAT))

    assert result.routing.weights == pytest.approx({"words": 0.25, "names": 0, "eyes": 0.75})
    assert np.isclose(result.routing.entropy, 0.5623, atol=1e-3)
