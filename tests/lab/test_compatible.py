"""Encoders are trained to be compatible with earlier ones, and served like any other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.colours import png
from support.own_encoder import WIDTH, WORDS, Silent, card_for, encodings, write_folder
from support.present import present
from support.small_spaces import write_colours, write_words
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import InvalidInput, NotFound
from tieback.methods.compatibility import compatibilities, shared
from tieback.methods.projection import unit_rows
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback.recipes.train import TrainingOutcome, train
from tieback.training.ranks import average_accuracy, average_compatibility
from tieback_lab.recipes.trained.compatible import compatibility_matrix

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {"hidden": 8, "steps": 40, "batch": 64}
MIDDLES = {"dawn": (220, 120, 120), "noon": (120, 200, 240), "dusk": (90, 60, 130), "night": (20, 20, 60)}
PHOTOS = 200


@dataclass
class World:
    """A folder of contents with labels, and the cards of encoders in a store."""

    folder: Path
    cards: list[EncoderCard]
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        self.store = Store(self.folder / "models")
        assert pull(self.cards, self.cards, self.store, Silent()) == []

    def learn(self, data: str = "photos.jsonl", **parameters: Any) -> TrainingOutcome:
        return train(
            "compatible", {"fit": QUICK} | parameters, cards=self.cards, store=self.store,
            data=[self.folder / data], output=self.folder / "out", say=lambda _: None,
        )  # fmt: skip

    def add(self, outcome: TrainingOutcome) -> EncoderCard:
        """Serves what was learned besides."""
        card = read_card(present(outcome.card))
        assert isinstance(card, EncoderCard)
        assert pull([card], [card], self.store, Silent()) == []
        self.cards.append(card)
        return card

    def say(self, card: EncoderCard, data: Sequence[str | bytes]) -> np.ndarray:
        model = load_encoder(card, self.store)
        return unit_rows(np.stack([present(one.dense) for one in encodings(model, tuple(data))]))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder, draw = tmp_path_factory.mktemp("compatible"), np.random.default_rng(3)
    lines = []
    for number in range(PHOTOS):
        hour = list(MIDDLES)[number % len(MIDDLES)]
        colour = np.clip(draw.normal(MIDDLES[hour], 25), 0, 255).astype(int).tolist()
        (folder / f"{number}.png").write_bytes(png(*colour))
        lines.append({"file": f"{number}.png", "labels": {"hour": hour, "parity": str(number % 2)}})
    (folder / "photos.jsonl").write_text("\n".join(map(json.dumps, lines)))
    return World(folder, [write_colours(folder, "eyes")])


@pytest.fixture(scope="module")
def series(world: World) -> list[TrainingOutcome]:
    """Three versions, each compatible with those before."""
    outcomes = []
    for name, old, policy, more in (
        ("v1", "", "stationary", {"allocated": 8}),
        ("v2", "v1", "bt2", {"added": 4}),
        ("v3", "v2", "oca", {"extra": 3}),
    ):
        given = {"space": "eyes", "old": old, "policy": policy, "name": name, "label": "hour"}
        outcomes.append(world.learn(**given, fit=QUICK | more))
        world.add(outcomes[-1])
    return outcomes


@pytest.mark.usefixtures("series")
def test_a_series_of_versions_names_the_spaces_that_each_is_compatible_with(world: World) -> None:
    first, second, third = world.cards[1:]

    assert first.compatible == ()
    assert [one.ref for one in second.compatible] == [first.space]
    assert [one.ref for one in third.compatible] == [first.space, second.space]
    assert (first.width, second.width, third.width) == (7, 16, 19)


def test_the_report_has_the_matrix_of_all_versions(series: list[TrainingOutcome]) -> None:
    found = series[2].learned.metrics

    assert found["versions"] == ["v1", "v2", "v3"]
    assert [len(row) for row in found["recall_at_1"]] == [1, 2, 3]
    assert np.mean([value for row in found["recall_at_1"] for value in row]) > 0.5, "a quarter is chance"
    assert 0 <= found["average_compatibility"] <= 1
    assert series[0].learned.metrics["average_compatibility"] is None
    report = (series[2].folder / "report.md").read_text()
    assert "| queries | v1 | v2 | v3 |" in report
    assert "AC" in report


def test_served_vectors_are_those_of_the_layer_and_compare_with_those_of_earlier_versions(
    world: World, series: list[TrainingOutcome]
) -> None:
    photos = [(world.folder / f"{number}.png").read_bytes() for number in range(40)]
    base, *versions = (world.say(card, photos) for card in world.cards)

    for outcome, found in zip(series, versions, strict=True):
        layer = compatibilities.get(outcome.artifact.facts["policy"])
        assert found == pytest.approx(layer(base, outcome.artifact.arrays), abs=1e-4)
    first, second, third = versions
    for new, old in ((second, first), (third, first), (third, second)):
        assert (shared(new, old.shape[1]) * old).sum(axis=1).mean() > 0.5


@pytest.mark.usefixtures("series")
def test_an_encoder_of_pictures_keeps_the_names_of_its_classes(world: World) -> None:
    photo = ((world.folder / "0.png").read_bytes(),)

    before, after = (encodings(load_encoder(card, world.store), photo) for card in world.cards[:2])

    assert [label.name for label in after[0].labels] == [label.name for label in before[0].labels]
    assert [label.probability for label in after[0].labels] == pytest.approx(
        [label.probability for label in before[0].labels], abs=1e-5
    )


def test_an_encoder_of_texts_gets_a_layer_behind_its_pooling(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS[4:], 7)) for _ in range(90)]
    lines = [
        {"text": text, "labels": {"bird": "owl" if "owl" in text.split() else "no owl"}} for text in texts
    ]
    (tmp_path / "texts.jsonl").write_text("\n".join(map(json.dumps, lines)))
    own = card_for(write_folder(tmp_path / "own"))
    words = write_words(tmp_path, "words", {word: draw.normal(size=6) for word in WORDS[4:]})
    world = World(tmp_path, [own, words])

    outcome = world.learn("texts.jsonl", space="own", old="words", policy="bt2", fit=QUICK | {"added": 2})
    card = world.add(outcome)

    new, old = world.say(card, texts[:20]), world.say(words, texts[:20])
    assert (card.name, card.width, new.shape) == ("own-bt2", WIDTH + 2, (20, WIDTH + 2))
    assert (shared(new, 6) * old).sum(axis=1).mean() > 0.5


@pytest.mark.parametrize(
    ("parameters", "says", "where"),
    [
        ({"label": "hour"}, "bt2 learns towards an earlier space", "parameters.old"),
        ({"old": "eyes"}, "say which label is the class; contents have: hour, parity", "parameters.label"),
        ({"old": "eyes", "label": "hour", "name": "eyes"}, "is another space", "parameters.name"),
        ({"old": "eyes", "label": "hour", "name": "No"}, "small letters", "parameters.name"),
        (
            {"old": "eyes", "label": "hour", "fit": {"extra": 3}},
            "no parameter 'extra'",
            "parameters.fit.parameters.extra",
        ),
    ],
)
def test_what_cannot_be_learned_is_refused_by_its_field(
    world: World, parameters: dict[str, Any], says: str, where: str
) -> None:
    with pytest.raises(InvalidInput, match=says) as refusal:
        world.learn(**{"space": "eyes"} | parameters)
    assert str(refusal.value.field) == where


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"space": "ears"}, "eyes"),
        ({"old": "ears"}, "eyes"),
        ({"policy": "affine", "old": "eyes"}, "oca, stationary"),
        ({"label": "minute", "old": "eyes"}, "hour"),
    ],
)
def test_what_is_not_there_is_not_found_with_the_choices(
    world: World, parameters: dict[str, Any], says: str
) -> None:
    with pytest.raises(NotFound, match=says):
        world.learn(**{"space": "eyes", "label": "hour"} | parameters)


def test_few_contents_are_refused(world: World) -> None:
    (world.folder / "few.jsonl").write_text(
        "\n".join((world.folder / "photos.jsonl").read_text().split("\n")[:9])
    )

    with pytest.raises(InvalidInput, match="9 different contents with that label, and it takes 64"):
        world.learn("few.jsonl", space="eyes", old="eyes", label="hour")


def test_average_compatibility_counts_pairs_and_average_accuracy_is_the_mean_of_the_triangle() -> None:
    matrix = np.array([[0.5, np.nan, np.nan], [0.6, 0.7, np.nan], [0.4, 0.8, 0.9]])

    assert average_compatibility(matrix) == pytest.approx(2 / 3)
    assert average_accuracy(matrix) == pytest.approx((0.5 + 0.6 + 0.7 + 0.4 + 0.8 + 0.9) / 6)
    assert average_compatibility(matrix[:1, :1]) is None


def test_the_matrix_compares_leading_dimensions_and_leaves_lonely_contents_out() -> None:
    old = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 1]], np.float32)
    new = np.concatenate([old, np.zeros((4, 1), np.float32)], axis=1)

    found = compatibility_matrix([old, new], np.array([0, 1, 0, 2]))

    assert found[0, 0] == found[1, 0] == found[1, 1] == pytest.approx(0.5)
    assert np.isnan(found[0, 1])
