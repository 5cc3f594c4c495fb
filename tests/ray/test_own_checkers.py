"""A platform on Ray with a checker of the user's own: a deployment by itself, which the services ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from support.own_checker import CLAIM, EVIDENCE, SAID, bare_probabilities, checker_card, save_checker
from support.own_encoder import Silent
from support.running_platform import Platform
from support.small_spaces import write_words
from tieback.models.store import Store
from tieback.recipes.pull import pull
from tieback_client import Client, InvalidArgument, NotFound

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checker")


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> torch.nn.Module:
    (folder / "cards").mkdir()
    return save_checker(folder / "cards/own")


@pytest.fixture(scope="module")
def client(folder: Path, torch_model: torch.nn.Module) -> Iterator[Client]:
    draw = np.random.default_rng(3)
    words = {word: draw.normal(size=8) for word in SAID.split() if word.isalpha()}
    space = write_words(folder / "cards", "words", words)
    pull([space, checker_card(folder / "cards/own")], [space], Store(folder / "models"), Silent())
    options = {
        "cards": str(folder / "cards"),
        "models": str(folder / "models"),
        "spaces": "words",
        "binding": "none",
        "replicas": "2",
    }
    given = [word for name, value in options.items() for word in (f"--{name}", value)]
    running = Platform(folder, "--generator", "none", "--no-index-enabled", *given)
    try:
        with Client(running.ready().address, timeout=60) as made:
            yield made
    finally:
        running.kill()


def test_its_replicas_check_what_the_service_is_asked(
    client: Client, folder: Path, torch_model: torch.nn.Module
) -> None:
    expected = bare_probabilities(folder / "cards/own", torch_model, EVIDENCE, f"{CLAIM}.")

    found = client.check(f"{CLAIM}. The wren flies.", [EVIDENCE], checker="own-checker")

    states = {one.name: (one.ready, one.replicas) for one in client.server_info().services}
    assert found.verdicts[1].score == pytest.approx(expected[0], abs=1e-4)
    assert {one.checker for one in found.verdicts.values()} == {"own-checker"}
    assert states["checker:own-checker"] == (True, 2)
    assert [one.ready for one in client.checkers()] == [True]


def test_a_wrong_name_or_parameter_is_told_before_it_is_asked(client: Client) -> None:
    with pytest.raises(NotFound, match="own-checker"):
        client.check(CLAIM, [EVIDENCE], checker="own-check")
    with pytest.raises(InvalidArgument, match="threshold"):
        client.check(CLAIM, [EVIDENCE], checker=("own-checker", {"threshold": 3}))
