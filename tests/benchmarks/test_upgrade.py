"""The benchmark of upgrades: the encoders that it makes are those that it trains."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from support.own_encoder import Silent
from support.plans import plan
from support.present import present
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.methods.projection import unit_rows
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_client import Image, Recall
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality

from benchmarks import upgrade_photos
from benchmarks.lab import upgrades
from benchmarks.lab.claims import orthogonal_alignment
from benchmarks.lab.claims._digits import Digits
from benchmarks.report import Report

pytestmark = pytest.mark.all


def test_the_served_encoder_says_what_the_trained_layers_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orthogonal_alignment, "EPOCHS", 1)
    pixels = np.random.default_rng(0).integers(0, 256, (40, upgrades.SIDE**2)).astype(np.float32) / 255
    learned = Digits(pixels, np.arange(40) % 10)

    card = upgrades.write_encoder(tmp_path, "digits-old", learned, 5, 16)

    assert pull([card], [card], Store(tmp_path / "models"), Silent()) == []
    model = load_encoder(card, Store(tmp_path / "models"))
    pictures = [Image.from_pil(upgrades.picture_of(one)).data for one in pixels[:3]]
    prepared = [model.prepare(Content(Modality.IMAGE, one), EncodePlan(), Limits()) for one in pictures]
    found = np.stack([present(one.dense) for one in model.run(prepared, EncodePlan())])
    layers, _ = orthogonal_alignment.encoder(learned, 5, 16, seed=5)
    with torch.no_grad():
        expected = unit_rows(layers(torch.from_numpy(pixels[:3])).numpy())
    assert found == pytest.approx(expected, abs=1e-3)


def test_an_upgrade_is_held_against_the_old_space_and_against_a_reindex() -> None:
    report = Report()
    low, high = Recall(0.5, 0.4, 0.6), Recall(0.8, 0.7, 0.9)
    result = plan(old_old=low, new_old=high, new_new=low, native=high)

    upgrades._claim(report, "made", result)

    assert [(one.value, one.target, one.met) for one in report.claims] == [
        (0.8, ">= 0.5", True),
        (0.5, ">= 0.79", False),
    ]


def test_photos_that_ask_are_not_in_the_collection_and_find_others_of_their_kind(tmp_path: Path) -> None:
    names = {"a": "fox terrier", "b": "lamp", "c": "Bull Terrier", "d": "terrier", "e": "goblet"}
    (tmp_path / "photos" / "images").mkdir(parents=True)
    (tmp_path / "photos" / "labels.json").write_text(json.dumps(names))
    for name in names:
        (tmp_path / "photos" / "images" / name).write_bytes(name.encode())

    (found,) = upgrade_photos.collections(tmp_path)

    assert (found.documents, found.questions) == ([b"b", b"c", b"d", b"e"], [b"a"])
    assert found.gains == [{1: 1.0, 2: 1.0}]
    assert found.labels == ["lamp", "terrier", "terrier", "goblet"]
