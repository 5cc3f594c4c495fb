"""The ranker that ships, and rankers that are not for this release."""

from pathlib import Path

import numpy as np
import pytest
from tieback.artifacts import Artifact
from tieback.core.errors import AlteredArtifact, ArtifactError
from tieback.core.types.search import NAMES, SIGNALS
from tieback.models.learned.ranker import RANKER, TrainedRanker, shipped


def made(root: Path, weights: int, *signals: str, method: str = "linear") -> Path:
    facts = {"method": method, "signals": list(signals)}
    return Artifact(RANKER, {"weights": np.ones(weights)}, facts).save(root)


def test_the_shipped_ranker_is_small_and_never_punishes_a_rising_signal() -> None:
    ranker = TrainedRanker.load(shipped())

    assert sum(path.stat().st_size for path in shipped().iterdir()) < 1_000_000
    rising = {one.name for one in SIGNALS if one.rising}
    weights = dict(zip(ranker.signals, ranker.state["weights"].tolist(), strict=True))
    assert all(weight >= 0 for name, weight in weights.items() if name in rising)
    assert weights["search"] > 0


def test_a_candidate_is_explained_by_the_signals_that_it_has(tmp_path: Path) -> None:
    ranker = TrainedRanker.load(made(tmp_path, 2, "search", "window"))

    found = ranker.contributions([{"search": 1.0, "window": 0.0}, {"search": 3.0}])

    assert [set(one) for one in found] == [{"search", "window"}, {"search"}]
    assert [one["search"] for one in found] == [-1, 1]


def test_a_ranker_of_other_signals_or_another_shape_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="'magic', which this release does not have"):
        TrainedRanker.load(made(tmp_path, 1, "magic"))
    with pytest.raises(ArtifactError, match="should be"):
        TrainedRanker.load(made(tmp_path, 3, *NAMES[:2]))
    with pytest.raises(ArtifactError, match="no_such_method"):
        TrainedRanker.load(made(tmp_path, 1, "search", method="no_such_method"))


def test_an_altered_ranker_is_refused(tmp_path: Path) -> None:
    folder = made(tmp_path, 1, "search")
    state = folder / "state.safetensors"
    state.write_bytes(state.read_bytes()[:-1] + b"\x01")

    with pytest.raises(AlteredArtifact, match="train it again"):
        TrainedRanker.load(folder)
