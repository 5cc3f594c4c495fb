"""Weights that one ONNX file has no room for lie in a file beside it. The limit is made small here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from support.own_encoder import TEXTS, card_for, encodings, served, write_folder
from support.present import present
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.graphs import external_data
from tieback.recipes.graphs.torch_export import export_module

SMALL = 2_000  # bytes; the small encoder has 8 KB
PRECISIONS = {"precisions": {"int8": {"smallest_cosine": 0.5}, "float16": {"smallest_cosine": 0.9}}}


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "store").rglob("*.onnx*")}


def test_a_model_over_the_limit_is_served_with_its_weights_in_one_file_beside_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small").mkdir()
    expected = encodings(served(card_for(write_folder(tmp_path / "small/own")), tmp_path / "small"), TEXTS)
    monkeypatch.setattr(external_data, "LARGEST_FILE", SMALL)
    (tmp_path / "large").mkdir()
    card = card_for(write_folder(tmp_path / "large/own"))

    found = encodings(served(card, tmp_path / "large"), TEXTS)

    assert files(tmp_path / "small") == {"model.onnx"}
    assert files(tmp_path / "large") == {"model.onnx", "model.onnx.data"}
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(present(one.dense), present(other.dense), atol=1e-6)
    assert not list((tmp_path / "large/store").rglob(".graph-*"))


def test_its_lower_precisions_are_made_and_served_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_data, "LARGEST_FILE", SMALL)
    card = card_for(write_folder(tmp_path / "own"), **PRECISIONS)

    whole = encodings(served(card, tmp_path), TEXTS)

    for precision in ("int8", "float16"):
        found = encodings(load_encoder(card.at(precision), Store(tmp_path / "store")), TEXTS)
        assert float(present(whole[0].dense) @ present(found[0].dense)) > 0.9


def test_a_file_of_weights_from_before_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(external_data, "LARGEST_FILE", 100)
    path = tmp_path / "model.onnx"

    for _ in range(2):
        export_module(
            torch.nn.Linear(32, 32),
            [torch.ones(1, 32)],
            path,
            inputs=["given"],
            outputs=["made"],
            dynamic={},
        )

    assert path.with_name("model.onnx.data").stat().st_size < 2 * 4 * 32 * 32
    assert len(external_data.load_with_weights(path).graph.initializer) == 2
