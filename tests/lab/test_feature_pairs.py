"""A space of categorical features is learned from pairs of things that belong together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.listeners import learn, pairs
from tieback.artifacts import Artifact
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import read_card
from tieback.core.errors import AlreadyExists, InvalidInput, StartupError
from tieback.recipes.train import REPORT
from tieback_lab.catalog.runtimes.feature_table import FeatureTable
from tieback_lab.recipes.adapt.feature_space import FEATURE_TABLE

pytestmark = pytest.mark.all


def test_partners_are_found_by_what_was_learned_and_not_before(tmp_path: Path) -> None:
    outcome = learn(tmp_path, pairs(2000))

    found = Artifact.load(outcome.folder, FEATURE_TABLE).facts["metrics"]["found"]
    # Towns and labels say nothing, so that partners stand anywhere among the records of three genres.
    assert found["learned"]["reciprocal_rank"] > 1.5 * found["before training"]["reciprocal_rank"]
    assert "held-out pairs" in outcome.artifact.files[REPORT].decode()


def test_the_card_has_the_features_with_their_lookups(tmp_path: Path) -> None:
    outcome = learn(tmp_path, pairs(200), steps=5, lookups_of={"town": 4})

    assert outcome.card is not None
    card = read_card(outcome.card)
    assert isinstance(card, EncoderCard)
    assert card.options_for(FeatureTable).features == {"genre": 2, "label": 2, "town": 4, "tribe": 2}
    assert (card.name, card.modality, card.width) == ("records", "features", 16)
    assert card.description.endswith("learned.")


def test_an_untrained_table_is_said_to_be_one(tmp_path: Path) -> None:
    outcome = learn(tmp_path, pairs(200), steps=0)

    assert outcome.card is not None
    assert "not trained" in read_card(outcome.card).description


def test_the_same_pairs_give_the_same_space(tmp_path: Path) -> None:
    first, second = (learn(tmp_path / name, pairs(300), steps=20) for name in ("one", "two"))

    assert first.artifact.revision == second.artifact.revision
    assert first.artifact.revision != learn(tmp_path / "two", pairs(300), steps=20, seed=1).artifact.revision


@pytest.mark.parametrize(
    "line",
    [
        {},
        [],
        {"features": {"a": "b"}},
        {"features": {"a": "b"}, "same": {}},
        {"features": {"a": {"b": "c"}}, "same": {"a": "b"}},
        {"features": {"a": [["b"]]}, "same": {"a": "b"}},
        {"features": {"": "b"}, "same": {"a": "b"}},
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, line: Any) -> None:
    with pytest.raises(StartupError, match=r"pairs\.jsonl, line 2, is no pair of features"):
        learn(tmp_path, [pairs(1)[0], line])


def test_what_cannot_be_learned_is_refused_with_the_parameter(tmp_path: Path) -> None:
    refused: dict[str, tuple[list[Any], dict[str, Any]]] = {
        "data": (pairs(10), {}),
        "parameters.space": (pairs(200), {"space": "My Records"}),
        'parameters.lookups_of["size"]': (pairs(200), {"lookups_of": {"size": 2}}),
    }
    for field, (lines, parameters) in refused.items():
        with pytest.raises(InvalidInput) as refusal:
            learn(tmp_path, lines, **parameters)
        assert str(refusal.value.field) == field


def test_a_card_that_no_training_wrote_is_not_replaced(tmp_path: Path) -> None:
    cards = tmp_path / "cards"
    cards.mkdir()
    (cards / "records.yaml").write_text(
        "{name: records, role: encoder, runtime: point_cloud, description: x, license: MIT, upstream: me, "
        "modality: points, width: 1152, kinds: [dense]}"
    )

    with pytest.raises(AlreadyExists, match="--set space=NAME"):
        learn(tmp_path, pairs(200), steps=1)


def test_values_may_be_numbers_and_are_compared_as_texts(tmp_path: Path) -> None:
    lines = [{"features": {"year": 1960 + place % 9}, "same": {"page": place}} for place in range(60)]

    outcome = learn(tmp_path, lines, steps=1)

    assert json.loads(json.dumps(outcome.artifact.facts["features"])) == ["page", "year"]
