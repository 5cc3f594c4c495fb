"""What the benchmark of exits makes of an encoder's layers: with a small encoder, from training to claims."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.own_encoder import Silent, card_for
from support.own_folders import save_text_model
from support.present import present
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.pull import pull

from benchmarks.lab import exits
from benchmarks.report import Report

pytestmark = pytest.mark.all


def test_correlation_is_the_mean_of_the_sets_in_points() -> None:
    people = np.array([0.0, 1, 2, 3])
    scored = {"as people": (people / 3, people), "the other way": (-people, people)}

    assert exits._spearman({"as people": scored["as people"]}) == pytest.approx(100)
    assert exits._spearman(scored) == pytest.approx(0)
    drawn = {"as people": np.array([0, 1, 1]), "the other way": np.array([0, 3, 2])}
    assert exits._spearman(scored, drawn) == pytest.approx(0)


def test_claims_compare_the_full_width_and_the_time_of_the_worst_layer() -> None:
    draw = np.random.default_rng(0)
    people = np.arange(40.0)

    def set_of(noise: float) -> dict[str, Any]:
        return {"made": (people + noise * draw.normal(size=40), people)}

    scored = {
        ("as it came", 3, 8): set_of(40), ("as it came", 6, 8): set_of(1), ("trained", 3, 8): set_of(2),
        ("trained", 3, 4): set_of(90), ("trained", 6, 8): set_of(1),
    }  # fmt: skip
    report = Report()

    exits._claim(scored, {1: 0.25, 3: 0.5, 6: 1.0}, (1, 3, 6), report)

    early, last, time = report.claims
    assert present(early.value) > 5
    assert present(early.low) < present(early.value) < present(early.high)
    assert abs(present(last.value)) < 1
    assert present(time.value) == pytest.approx(50)
    assert time.note == "layer 1: +50 %"
    assert not time.met


def test_a_small_encoder_is_trained_exported_and_measured_at_each_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_text_model(tmp_path / "own")
    card = card_for(tmp_path / "own")
    monkeypatch.setenv("TIEBACK_MODELS", str(tmp_path / "store"))
    assert pull([card], [card], Store(), Silent()) == []
    monkeypatch.setattr(Catalog, "load", lambda: Catalog([card]))
    monkeypatch.setattr(exits, "EARLY", 1)
    monkeypatch.setattr(exits, "RUNS", 2)
    monkeypatch.setattr(exits, "TOKENS", 8)
    draw, data = np.random.default_rng(0), tmp_path / "data"
    files: dict[str, list[Any]] = {
        "nli/train.jsonl": [
            {"premise": f"owl {' '.join(words)}", "hypothesis": " ".join(words), "label": "entailment"}
            for words in draw.choice(["owl", "wren", "flies", "at", "night"], (120, 6))
        ],
        "sts/made.jsonl": [
            {"a": "owl flies", "b": " ".join(words), "score": float(place)}
            for place, words in enumerate(draw.choice(["owl", "wren", "flies"], (9, 3)))
        ],
        "cranfield/documents.jsonl": [{"id": "1", "title": "owl", "text": "wren"}],
        "cranfield/queries.jsonl": [{"text": "owl", "judgements": {"1": 1}}],
    }
    for name, rows in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("\n".join(json.dumps(row) for row in rows))
    options = argparse.Namespace(
        name="exits", data=data, space="own", pairs=9, set=["steps=2", "batch=8", "widths=4,8"]
    )

    report = exits.run(options)

    rows = report.tables["STS Spearman, mean of the sets, points"]
    cells = [(row["encoder"], row["layer"], row["dimensions"]) for row in rows]
    assert cells == [
        (name, layer, width) for name in ("as it came", "trained") for layer in (1, 2) for width in (4, 8, 16)
    ]
    assert [claim.value is not None for claim in report.claims] == [True] * 3
