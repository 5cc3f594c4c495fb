"""Categorical features become vectors by one table that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from support.own_encoder import Silent
from support.small_spaces import write_card
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import CategoricalFeatures, Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_lab.methods.feature_tables import feature_tables

TABLE = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
LOOKUPS = {"colour": 2, "size": 1}


def loaded(folder: Path, width: int = 9, modality: str = "features", **arrays: Array) -> EncoderModel:
    (folder / "shop").mkdir()
    save_file({"table": TABLE} | arrays, folder / "shop" / "table.safetensors")
    card = write_card(
        folder, "shop", directory="shop", runtime="feature_table", modality=modality, width=width,
        kinds=["dense"], options={"features": LOOKUPS, "seed": 4},
    )  # fmt: skip
    store = Store(folder / "store")
    assert pull([card], [card], store, Silent()) == []
    return load_encoder(card, store)


def encoded(model: EncoderModel, limits: Limits | None = None, **values: Sequence[str]) -> Array:
    content = Content(Modality.FEATURES, CategoricalFeatures.of(values))
    prepared = model.prepare(content, EncodePlan(), limits or Limits())
    (made,) = model.run([prepared], EncodePlan())
    assert made.dense is not None
    return made.dense


def rows_of(values: Mapping[str, str]) -> Array:
    """The concatenation, by the method itself."""
    lookup = feature_tables.configure("multiplexed", {"lookups_of": LOOKUPS, "seed": 4})
    return np.asarray(TABLE[lookup({name: [value] for name, value in values.items()}, 50)].reshape(-1))


def test_a_vector_is_the_rows_of_the_values_one_after_another_at_length_1(tmp_path: Path) -> None:
    vector = encoded(loaded(tmp_path), colour=["red"], size=["42"])

    whole = rows_of({"colour": "red", "size": "42"})
    np.testing.assert_allclose(vector, whole / np.linalg.norm(whole), atol=1e-6)


def test_several_values_have_the_mean_of_their_rows_in_any_order(tmp_path: Path) -> None:
    model = loaded(tmp_path)

    vector = encoded(model, colour=["red", "blue"], size=["42"])

    both = [rows_of({"colour": colour, "size": "42"}) for colour in ("red", "blue")]
    np.testing.assert_allclose(vector, sum(both) / np.linalg.norm(sum(both)), atol=1e-6)
    np.testing.assert_array_equal(vector, encoded(model, size=["42"], colour=["blue", "red", "blue"]))


def test_a_feature_that_is_not_given_counts_for_nothing(tmp_path: Path) -> None:
    vector = encoded(loaded(tmp_path), size=["42"])

    assert not vector[:6].any()
    assert np.linalg.norm(vector[6:]) == pytest.approx(1)


def test_a_projection_multiplies_the_rows(tmp_path: Path) -> None:
    projection = np.random.default_rng(1).normal(size=(4, 9)).astype(np.float32)

    vector = encoded(loaded(tmp_path, width=4, projection=projection), colour=["red"], size=["42"])

    whole = projection @ rows_of({"colour": "red", "size": "42"})
    np.testing.assert_allclose(vector, whole / np.linalg.norm(whole), atol=1e-6)


def test_another_feature_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no feature 'brand'; there are: colour, size") as refusal:
        encoded(loaded(tmp_path), brand=["acme"])

    assert str(refusal.value.field) == 'features.values["brand"]'


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "no features"),
        ({"colour": []}, "no features"),
        ({"colour": ["a", "b", "c"], "size": ["1", "2"]}, "5 values and this server takes 4"),
        ({"colour": ["a" * 9]}, "value has 1 to 8 bytes"),
        ({"colour": [""]}, "value has 1 to 8 bytes"),
        ({"colour": ["a\0"]}, "value has 1 to 8 bytes"),
        ({"colour": ["\ud800"]}, "value has 1 to 8 bytes"),
        ({"colour" * 2: ["a"]}, "name has 1 to 8 bytes"),
    ],
)
def test_features_beyond_the_limits_are_refused(tmp_path: Path, values: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        encoded(loaded(tmp_path), Limits(entries=4, name_bytes=8), **values)


@pytest.mark.parametrize(
    ("width", "arrays", "modality"),
    [
        (8, {}, "features"),
        (4, {"projection": np.zeros((4, 8), np.float32)}, "features"),
        (9, {"table": np.zeros(9, np.float32)}, "features"),
        (9, {}, "text"),
    ],
)
def test_a_table_that_does_not_fit_the_card_stops_the_start(
    tmp_path: Path, width: int, arrays: Any, modality: str
) -> None:
    with pytest.raises(StartupError, match="shop"):
        loaded(tmp_path, width, modality, **arrays)
