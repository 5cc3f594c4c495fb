"""A picture enters a bound joint space by its regions too, where its encoding has them."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from support.small_binding import EYES, WORDS, photo, routed, said, text
from tieback.answer.spaces.encoding import JointInputs
from tieback.core.call import NO_CALL
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.encoding import Truncation
from tieback.core.types.fusion import FuseRequest, Role
from tieback.router import Component, Router
from tieback.serving.settings import load_settings
from tieback_contract.encodings import Encoding
from tieback_contract.fusion import Fused, FusePart
from tieback_contract.locators import LocatorKind, Locators
from tieback_contract.modality import Modality
from tieback_contract.vectors import MultiVector, VectorKind

CAT, CUP = (1.0, 0.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0, 0.0)
WHOLE, LEFT, RIGHT = (0, 0, 1, 1), (0, 0, 0.5, 1), (0.5, 0, 0.5, 1)


@pytest.fixture
def router() -> Router:
    return Router.bound(routed())


def with_regions(*rows: tuple[tuple[float, ...], tuple[float, ...]], space: Any = EYES) -> Encoding:
    """A photo of a cat, with these vectors of these boxes."""
    values, boxes = (np.array(one, np.float32) for one in zip(*rows, strict=True))
    regions = MultiVector(values, space, Locators.of(LocatorKind.BOX, boxes))
    return dataclasses.replace(said("eyes", *CAT), multi_vector=regions)


async def result(router: Router, parts: list[FusePart], role: Role = Role.DOCUMENT) -> Any:
    return (await router.fuse(FuseRequest([parts], role=role), NO_CALL)).results[0]


async def block(router: Router, encoding: Encoding, name: str) -> np.ndarray:
    found = await result(router, [FusePart(encoding)])
    assert isinstance(found, Fused), found
    return found.vector.values[router.space.block(name)]


async def test_the_whole_counts_as_much_as_all_regions_in_every_block(router: Router) -> None:
    encoding = with_regions((CAT, WHOLE), (CAT, LEFT), (CUP, RIGHT))

    seen, called = await block(router, encoding, "eyes"), await block(router, encoding, "names")

    together = np.array([1.5, 0.5, 0.0])  # the whole, and the mean of its two halves
    assert seen[:3] == pytest.approx(together / np.linalg.norm(together))
    assert called == pytest.approx(together / np.linalg.norm(together))


async def test_what_is_only_in_a_region_is_found_by_words(router: Router) -> None:
    words = await result(router, text(*CUP[:3]), Role.QUERY)
    whole = await result(router, photo(*CAT))
    parts = await result(router, [FusePart(with_regions((CAT, WHOLE), (CUP, LEFT)))])

    assert words.vector.values @ parts.vector.values > words.vector.values @ whole.vector.values + 0.1


async def test_a_batch_with_and_without_regions_gives_what_each_picture_gives_alone(router: Router) -> None:
    encodings = [said("eyes", *CUP), with_regions((CAT, WHOLE), (CUP, LEFT)), said("eyes", *CAT)]
    inputs = [[FusePart(encoding)] for encoding in encodings]

    together = await router.fuse(FuseRequest(inputs, role=Role.DOCUMENT), NO_CALL)

    for parts, found in zip(inputs, together.results, strict=True):
        assert isinstance(found, Fused)
        alone = await result(router, parts)
        assert found.vector.values == pytest.approx(alone.vector.values)


@pytest.mark.parametrize(
    ("encoding", "field"),
    [
        (with_regions(((1.0, 0.0), WHOLE)), "values"),
        (with_regions(((0.0,) * 5, LEFT)), "values"),
        (with_regions(((np.nan, 0.0, 0.0, 0.0, 0.0), LEFT)), "values"),
        (with_regions((CAT, LEFT), space=WORDS), "space"),
    ],
)
async def test_regions_that_are_no_vectors_of_the_space_are_refused(
    router: Router, encoding: Encoding, field: str
) -> None:
    found = await result(router, [FusePart(encoding)])

    assert isinstance(found, InvalidInput)
    assert str(found.field) == f"inputs[0].parts[0].encoding.multi_vector.{field}"


async def test_a_joint_space_of_class_names_leaves_regions_out() -> None:
    plain = Router([Component(EYES, 5)])

    found = await block(plain, with_regions((CAT, WHOLE), (CUP, LEFT)), "eyes")

    assert found == pytest.approx(np.array(CAT))


def test_regions_are_asked_of_what_is_stored_and_not_of_queries() -> None:
    dense, regions = frozenset({VectorKind.DENSE}), frozenset({VectorKind.MULTI_VECTOR})
    joined = JointInputs({Modality.IMAGE: ("eyes",)}, {"eyes": dense}, {"eyes": ("eyes",)}, {"eyes": regions})

    assert joined.plan("eyes", Modality.IMAGE, Role.DOCUMENT, Truncation.END).kinds == dense | regions
    assert joined.plan("eyes", Modality.IMAGE, Role.QUERY, Truncation.END).kinds == dense


async def per_region(router: Router, parts: list[FusePart], role: Role = Role.DOCUMENT) -> Any:
    return (await router.fuse(FuseRequest([parts], role=role, per_region=True), NO_CALL)).results[0]


async def test_regions_are_what_each_would_be_alone_and_the_whole_is_as_without_them(
    router: Router,
) -> None:
    encoding = with_regions((CAT, WHOLE), (CAT, LEFT), (CUP, RIGHT))

    found = await per_region(router, [FusePart(encoding)])

    cat, cup = await result(router, photo(*CAT)), await result(router, photo(*CUP))
    assert found.vector.values == pytest.approx(cat.vector.values)
    assert found.regions.space == router.space.ref
    assert found.regions.locators.places.tolist() == [list(LEFT), list(RIGHT)]
    assert found.regions.values[0] == pytest.approx(found.vector.values)
    assert found.regions.values[1] == pytest.approx(cup.vector.values)


async def test_a_batch_per_region_gives_what_each_gives_alone(router: Router) -> None:
    inputs = [
        [FusePart(said("eyes", *CUP))],
        [FusePart(with_regions((CAT, WHOLE), (CUP, LEFT)))],
        text(*CAT[:3]),
        [FusePart(with_regions((CUP, LEFT), (CAT, RIGHT)))],
    ]

    together = (await router.fuse(FuseRequest(inputs, role=Role.DOCUMENT, per_region=True), NO_CALL)).results

    for parts, found in zip(inputs, together, strict=True):
        alone = await per_region(router, parts)
        assert isinstance(found, Fused)
        assert found.vector.values == pytest.approx(alone.vector.values)
        assert (found.regions is None) == (alone.regions is None)
        if found.regions is not None:
            assert found.regions.values == pytest.approx(alone.regions.values)
    assert [isinstance(one, Fused) and one.regions is not None for one in together] == [
        False,
        True,
        False,
        True,
    ]


async def test_contents_that_belong_together_have_no_regions_with_one_place(router: Router) -> None:
    encoding = with_regions((CAT, WHOLE), (CUP, LEFT))
    words = [dataclasses.replace(part, content=1) for part in text(*CUP[:3])]

    found = await per_region(router, [FusePart(encoding), *words])

    assert found.regions is None
    plain = await result(router, [FusePart(said("eyes", *CAT)), *words])
    assert found.vector.values == pytest.approx(plain.vector.values)


async def test_spaces_that_saw_other_regions_of_one_picture_are_refused(router: Router) -> None:
    right = Locators.of(LocatorKind.BOX, [RIGHT])
    elsewhere = MultiVector(np.eye(1, 4, dtype=np.float32), WORDS, right)
    other = FusePart(dataclasses.replace(said("words", *CAT[:3]), multi_vector=elsewhere))
    here = FusePart(with_regions((CAT, WHOLE), (CUP, LEFT)))

    found = await per_region(router, [here, other])

    assert isinstance(found, InvalidInput)
    assert str(found.field) == "inputs[0].parts"
    assert "do not agree" in found.message


async def test_a_region_without_a_vector_has_that_of_the_whole(router: Router) -> None:
    seen = FusePart(with_regions((CUP, LEFT)))
    blind = FusePart(said("words", *CAT[:3]))  # of the same photo; it alone reaches the sounds' block

    found = await per_region(router, [seen, blind])

    heard, shown = router.space.block("ears"), router.space.block("eyes")
    assert found.regions.values[0][heard] == pytest.approx(found.vector.values[heard])
    assert np.linalg.norm(found.vector.values[heard]) == pytest.approx(1)
    assert found.regions.values[0][shown] == pytest.approx(np.array(CUP))


async def test_windows_of_a_sound_and_tokens_of_a_text_are_no_regions(router: Router) -> None:
    for kind, places in ((LocatorKind.BYTE_SPAN, [(0, 3)]), (LocatorKind.TIME_RANGE, [(0, 1)])):
        rows = MultiVector(np.array([CUP], np.float32), EYES, Locators.of(kind, places))
        encoding = dataclasses.replace(said("eyes", *CAT), multi_vector=rows)

        found = await per_region(router, [FusePart(encoding)])

        assert found.regions is None
        plain = await result(router, photo(*CAT))
        assert found.vector.values == pytest.approx(plain.vector.values)


async def test_a_query_is_not_given_per_region(router: Router) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await per_region(router, [FusePart(with_regions((CAT, LEFT)))], Role.QUERY)

    assert str(refusal.value.field) == "per_region"


@pytest.mark.parametrize("value", ["true", "together"])
def test_regions_in_a_joint_vector_without_a_binding_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TIEBACK_BINDING", "none")
    monkeypatch.setenv("TIEBACK_REGIONS", value)

    with pytest.raises(StartupError, match="TIEBACK_REGIONS: together needs a binding"):
        load_settings()


@pytest.mark.parametrize(
    ("value", "meant"),
    [("", "off"), ("off", "off"), ("False", "off"), ("0", "off"), ("true", "together"), ("1", "together"),
     ("together", "together"), ("Each", "each")],
)  # fmt: skip
def test_regions_are_a_choice_of_three_and_the_switch_of_before_means_together(
    monkeypatch: pytest.MonkeyPatch, value: str, meant: str
) -> None:
    monkeypatch.setenv("TIEBACK_BINDING", "any")
    monkeypatch.setenv("TIEBACK_REGIONS", value)

    assert load_settings().regions == meant


def test_a_misspelt_choice_of_regions_stops_the_start_and_says_the_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TIEBACK_BINDING", "any")
    monkeypatch.setenv("TIEBACK_REGIONS", "eachh")

    with pytest.raises(StartupError, match=r"TIEBACK_REGIONS is 'eachh': .*'off', 'together' or 'each'"):
        load_settings()
