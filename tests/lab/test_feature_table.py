"""A table of vectors for categorical features is learned from clicks, and compared with one for each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tieback.artifacts import Artifact
from tieback.core.errors import InvalidInput, StartupError
from tieback.models.store import Store
from tieback.recipes.train import REPORT, TrainingOutcome, train
from tieback.training.loop import Plan
from tieback_lab.methods.feature_tables import embedded, feature_tables
from tieback_lab.recipes.adapt.feature_space import FEATURE_TABLE
from tieback_lab.recipes.train.click_model import Examples, Shape, auc, fitted, predicted

pytestmark = pytest.mark.all

QUICK: dict[str, Any] = {
    "size": 60,
    "width": 4,
    "hidden": 8,
    "steps": 300,
    "batch": 128,
    "learning_rate": 0.02,
}


def impressions(count: int) -> list[dict[str, Any]]:
    """Clicks that follow from the user and the page; the third feature is noise, and may be missing."""
    draw = np.random.default_rng(0)
    made = []
    for _ in range(count):
        user, page, noise = draw.integers([8, 5, 30]).tolist()
        features = {"user": f"u{user}", "page": f"p{page}"}
        if noise:
            features["noise"] = str(noise)
        made.append({"features": features, "label": int((user * 5 + page * 3) % 7 < 3)})
    return made


def run(folder: Path, lines: list[Any], **parameters: Any) -> TrainingOutcome:
    (folder / "clicks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return train(
        "feature_table", QUICK | parameters, cards=[], store=Store(folder / "store"),
        data=[folder / "clicks.jsonl"], output=folder / "out", say=lambda _: None,
    )  # fmt: skip


def test_clicks_are_predicted_from_values_and_the_report_compares_both_tables(tmp_path: Path) -> None:
    outcome = run(tmp_path, impressions(3000))

    read = Artifact.load(outcome.folder, FEATURE_TABLE)
    assert read.arrays["table"].shape == (60, 4)
    assert read.facts["features"] == ["noise", "page", "user"]
    found = read.facts["metrics"]["auc"]
    assert found["multiplexed"] > 0.9
    assert found.keys() == {"multiplexed", "separate"}
    assert "one for each feature" in read.files[REPORT].decode()


def test_the_artifact_says_how_an_item_is_embedded_and_scored(tmp_path: Path) -> None:
    lines = impressions(3000)
    made = run(tmp_path, lines, lookups=2).artifact
    lookup = feature_tables.configure(made.facts["method"], made.facts["parameters"])
    columns = {name: [line["features"].get(name, "") for line in lines] for name in made.facts["features"]}

    vectors = embedded(lookup(columns, len(made.arrays["table"])), made.arrays["table"])

    assert vectors.shape == (3000, 3 * 2 * 4)
    hidden = np.maximum(vectors @ made.arrays["first.weight"].T + made.arrays["first.bias"], 0)
    scores = (hidden @ made.arrays["second.weight"].T + made.arrays["second.bias"])[:, 0]
    assert auc(scores, np.array([line["label"] for line in lines])) > 0.9


def test_the_same_data_give_the_same_artifact(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()

    first, second = (run(folder, impressions(400), steps=20) for folder in folders)

    assert first.artifact.revision == second.artifact.revision


@pytest.mark.parametrize(
    "line", ["{}", "[]", {"features": {"a": "b"}, "label": 2}, {"features": ["a"], "label": 1}, {"label": 1}]
)
def test_a_line_that_is_no_impression_is_named(tmp_path: Path, line: Any) -> None:
    with pytest.raises(StartupError, match=r"clicks\.jsonl, line 2, is no impression"):
        run(tmp_path, [impressions(1)[0], line])


def test_too_few_impressions_or_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="50 impressions") as refusal:
        run(tmp_path, impressions(50))
    assert str(refusal.value.field) == "data"
    with pytest.raises(InvalidInput, match="too few for 3 features") as refusal:
        run(tmp_path, impressions(200), size=2)
    assert str(refusal.value.field) == "size"


def test_the_cosine_of_weight_blocks_is_between_features_alone() -> None:
    rows = np.random.default_rng(0).integers(0, 10, (200, 4))
    examples = Examples(rows, np.arange(200) % 2)
    learned = fitted(examples, examples, Shape(10, 2, 3), [0, 0, 1, 1], Plan(2, 0.01), batch=20)
    weights = learned.model.first.weight.detach()
    weights[:, :] = 0
    weights[:, :4] = weights.new_tensor([1.0, 0, 1, 0])
    weights[:, 4:] = weights.new_tensor([0.6, 0.8, 0, 1])

    assert learned.model.cosines([0, 0, 1, 1]) == pytest.approx(0.3)
    assert learned.model.cosines([0, 0, 0, 0]) == 0
    assert predicted(learned.model, rows).shape == (200,)


def test_the_auc_counts_pairs_and_halves_of_ties() -> None:
    assert auc(np.array([3.0, 2, 1, 2]), np.array([1, 1, 0, 0])) == pytest.approx(3.5 / 4)
    assert auc(np.array([1.0, 2]), np.array([1, 1])) == 0.5
