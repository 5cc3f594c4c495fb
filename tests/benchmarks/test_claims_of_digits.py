"""Claims that are measured on pictures of handwritten digits."""

from __future__ import annotations

import gzip
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from support.present import present
from tieback.catalog.catalog import read_card
from tieback.models.store import Store

from benchmarks.lab.claims import (
    _digits,
    basis_transformation,
    orthogonal_alignment,
    stationary_classes,
)
from benchmarks.report import Report

pytestmark = pytest.mark.all


@pytest.fixture
def digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with sixty handwritten digits of 64 pixels; a digit's first pixels are its own."""
    store, card, draw = Store(tmp_path), read_card(_digits.CARD), np.random.default_rng(0)
    shown = np.arange(60) % 10
    pixels = draw.integers(0, 4, size=(60, 64))
    pixels[np.arange(60), shown] = 16
    store.folder(card).mkdir(parents=True)
    with gzip.open(store.folder(card) / "digits.csv.gz", "wt") as file:
        np.savetxt(file, np.column_stack([pixels, shown]), fmt="%d", delimiter=",")
    store.record_fetched(card)
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path))
    return store


def test_handwritten_digits_are_those_of_the_store(digits: Store) -> None:
    found = _digits.handwritten(print, digits)

    assert found.pictures.shape == (60, 64)
    assert found.pictures.max() == 1.0
    assert found.shown.tolist() == [place % 10 for place in range(60)]
    assert [len(part.shown) for part in found.split(10, 20)] == [10, 20, 30]


@pytest.mark.usefixtures("digits")
def test_alignment_is_measured_on_digits_and_says_that_there_are_no_judged_texts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = {"WRITTEN": 40, "INNER": 8, "OLD_WIDTH": 4, "EXTRA": 2, "EPOCHS": 1, "LEARNED": {"trained": 3}}
    for name, value in small.items():
        monkeypatch.setattr(orthogonal_alignment, name, value)
    monkeypatch.delenv("TIEBACK_DATA", raising=False)
    report = Report()

    orthogonal_alignment.study(report, range(2), lambda _line: None)

    *measured, texts = report.claims
    assert [claim.name.rpartition(", ")[2] for claim in measured] == [
        "new/old less old/old",
        "new/new less new/new by the leading dimensions alone",
    ]
    assert all(present(one.low) <= present(one.value) <= present(one.high) for one in measured)
    assert (texts.met, "TIEBACK_DATA" in texts.note) == (None, True)


@pytest.mark.usefixtures("digits")
@pytest.mark.parametrize("topic", [basis_transformation, stationary_classes])
def test_compatible_training_is_measured_on_digits_beside_independent_training_and_bct(
    monkeypatch: pytest.MonkeyPatch, topic: ModuleType
) -> None:
    monkeypatch.setattr(topic, "STEPS", 2)
    monkeypatch.setattr(topic, "KNOWN", 8)
    monkeypatch.setattr(orthogonal_alignment, "WRITTEN", 40)
    monkeypatch.setattr(orthogonal_alignment, "EPOCHS", 1)
    monkeypatch.delenv("TIEBACK_DATA", raising=False)
    report = Report()

    topic.study(report, range(1), lambda _line: None)

    assert len(report.claims) == (7 if topic is basis_transformation else 3)
    ((row,),) = report.tables.values()
    assert {"BCT, new/old", "BCT new/old"} & row.keys()
    assert all(0 <= value <= 100 for value in row.values())
