"""Learned artifacts that a server is given by one setting, of kinds that are files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.local_platform import served_locally
from support.words_server import words_server
from tieback.artifacts import Artifact, Kind
from tieback.core.errors import StartupError
from tieback.models import learned
from tieback.models.learned.ranker import RANKER, TrainedRanker
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, Item

ONE_SIGNAL = '''
"""A ranker that is one signal."""

import numpy as np

from tieback.artifacts import Artifact, Kind
from tieback.models.learned import ServedKind
from tieback.models.learned.ranker import TrainedRanker

KIND = Kind("one_signal", "ranker of one signal", 1, "write it again")


def load(folder, models):
    return TrainedRanker("linear", [Artifact.load(folder, KIND).facts["signal"]], {"weights": np.ones(1)})


SERVED = ServedKind(KIND, TrainedRanker, load, lambda _: ("a ranker",))
'''


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return words_server(tmp_path_factory.mktemp("served"))


def ranker(root: Path, weight: float) -> str:
    facts = {"method": "linear", "signals": ["search"]}
    return str(Artifact(RANKER, {"weights": np.array([weight])}, facts).save(root))


def test_a_kind_is_one_file_and_is_served_as_what_it_loads(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one_signal.py").write_text(ONE_SIGNAL)
    monkeypatch.setattr(learned, "__path__", [*learned.__path__, str(tmp_path)])
    kind = Kind("one_signal", "ranker of one signal", 1, "write it again")
    made = Artifact(kind, {}, {"signal": "words"}).save(tmp_path)

    with (
        served_locally(settings.model_copy(update={"artifacts": (str(made),)})) as running,
        Client(running.address, timeout=60) as client,
    ):
        client.ingest("birds", [Item("owl", "owl at night"), Item("wren", "wren")], space="words").collect()
        found = client.retrieve("birds", "owl wren night", ranker="linear", explain=True)

    assert found.hits[0].hit.item_id == "owl"
    assert {share.name for one in found.hits for share in one.signals if share.contribution} == {"words"}


def test_two_of_what_a_server_has_one_of_are_refused_by_their_folders(
    settings: Settings, tmp_path: Path
) -> None:
    both = (ranker(tmp_path, 1.0), ranker(tmp_path, 2.0))

    served = Plan(settings.model_copy(update={"artifacts": both})).artifacts

    with pytest.raises(StartupError, match=f"{both[0]} and {both[1]} both give a ranker; name one of them"):
        served.all(TrainedRanker)


def test_a_folder_of_no_kind_that_is_served_is_refused_at_the_start_with_the_choices(
    settings: Settings, tmp_path: Path
) -> None:
    head = Artifact(Kind("encoder_head", "encoder head", 1, "train it again"), {}).save(tmp_path)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/artifact.json").write_text("[]")
    (tmp_path / "empty").mkdir()

    for folder, refusal in {
        tmp_path / "empty": "there is no artifact at .*/empty: it has no artifact.json; name the folder",
        head: f"the kind 'encoder_head', and a server serves {', '.join(learned.kind_names())}",
        tmp_path / "odd": "names no kind; name the folder that `tieback train` wrote",
        tmp_path / "none": "there is no artifact at .*/none: no such folder",
    }.items():
        with pytest.raises(StartupError, match=refusal):
            Plan(settings.model_copy(update={"artifacts": (str(folder),)}))


def test_every_kind_is_named_as_its_file() -> None:
    for name in learned.kind_names():
        assert learned.served_kind(name).kind.name == name
