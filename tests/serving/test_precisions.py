"""Which precision a space is served in, by the settings and by its card."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bag_of_words import card as card_of
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback.serving.settings.precisions import at_chosen_precisions


@pytest.fixture
def cards(tmp_path: Path) -> list[EncoderCard]:
    """Two that are offered in int8, of which one is served in it, and one that is not."""
    words = card_of(tmp_path).model_dump() | {
        "runtime": "transformer_text",
        "options": {"runtime": "transformer_text"},
        "precisions": {"int8": {}},
    }
    return [
        EncoderCard(**words | {"name": "quick", "precision": "int8"}),
        EncoderCard(**words | {"name": "exact"}),
        card_of(tmp_path, "static"),
    ]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([], ["int8", "float32", "float32"]),
        (["float32"], ["float32", "float32", "float32"]),
        (["int8"], ["int8", "int8", "float32"]),
        (["exact=int8"], ["int8", "int8", "float32"]),
        (["quick=float32", "exact=int8"], ["float32", "int8", "float32"]),
        (["quick=float32", "int8"], ["float32", "int8", "float32"]),
    ],
)
def test_a_choice_for_all_counts_where_a_space_offers_it_and_one_for_a_space_counts_more(
    cards: list[EncoderCard], chosen: list[str], expected: list[str]
) -> None:
    assert [card.precision for card in at_chosen_precisions(cards, chosen, "cpu")] == expected


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("int7", "no precision is named 'int7'.*float32, int8"),
        ("exakt=int8", "no space is named 'exakt'; did you mean 'exact'"),
        ("exact=int7", "exact is not offered in 'int7'; it is in: float32, int8"),
        ("static=int8", "static is not offered in 'int8'; it is in: float32"),
    ],
)
def test_a_choice_that_there_is_not_is_answered_with_those_that_there_are(
    cards: list[EncoderCard], chosen: str, said: str
) -> None:
    with pytest.raises(StartupError, match=rf"TIEBACK_PRECISION: .*{said}"):
        at_chosen_precisions(cards, [chosen], "cpu")


def test_a_gpu_computes_in_float32_what_a_processor_computes_in_int8(cards: list[EncoderCard]) -> None:
    assert {card.precision for card in at_chosen_precisions(cards, [], "cuda")} == {"float32"}

    with pytest.raises(StartupError, match=r"int8 is computed on a processor; set TIEBACK_PROVIDER=cpu"):
        at_chosen_precisions(cards, ["exact=int8"], "cuda")


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["float16"], ["float16", "float16", "float32"]),
        (["exact=float16"], ["float32", "float16", "float32"]),
        (["float16", "quick=float32"], ["float32", "float16", "float32"]),
    ],
)
def test_a_gpu_computes_in_float16_where_it_is_asked_to(
    cards: list[EncoderCard], chosen: list[str], expected: list[str]
) -> None:
    found = at_chosen_precisions(cards, chosen, "cuda")

    assert [card.precision for card in found] == expected
    for before, after in zip(cards, found, strict=True):
        if after.precision == "float16":  # a space of its own, of a graph that has yet to be made
            assert after.space != before.at("float32").space
            assert after.export != before.export
            assert after.at("float32").space == before.at("float32").space


def test_a_processor_computes_in_float16_what_offers_it_alone(cards: list[EncoderCard]) -> None:
    with pytest.raises(StartupError, match="no precision is named 'float16'"):
        at_chosen_precisions(cards, ["float16"], "cpu")
    with pytest.raises(StartupError, match="static is not offered in 'float16'"):
        at_chosen_precisions(cards, ["static=float16"], "cuda")


def test_a_plan_serves_what_the_settings_choose_in_spaces_of_their_own() -> None:
    name = "all-minilm-l6-v2"
    precisions = ("float32", "int8")

    plans = [Plan(Settings(spaces=(name,), precision=(f"{name}={one}",))) for one in precisions]

    assert [plan.encoders[0].precision for plan in plans] == list(precisions)
    first, second = (plan.encoders[0].space for plan in plans)
    assert (first.name, first.revision) == (second.name, second.revision)
    assert first.fingerprint != second.fingerprint


def test_an_optional_space_is_served_where_it_is_named() -> None:
    cards = {card.name: card for card in Catalog.load().encoders()}
    optional = next(name for name, card in cards.items() if card.optional)

    everything, named = Plan(Settings()), Plan(Settings(spaces=(optional, "wordllama-256")))

    assert [card.name for card in everything.encoders] == [
        name for name in sorted(cards) if not cards[name].optional
    ]
    assert [card.name for card in named.encoders] == sorted([optional, "wordllama-256"])
