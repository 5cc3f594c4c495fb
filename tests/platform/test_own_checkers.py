"""A server with a checker of the user's own beside one text space."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.own_checker import SAID, bare_probabilities, checker_card, save_checker
from support.own_platform import own_settings
from tieback.core.errors import StartupError
from tieback.serving.commands.models import models
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings
from tieback_client import Client, Grounding, InvalidArgument, Item, NotFound
from tieback_client.cli import app

EVIDENCE = "The owl flies at night. The wren sleeps in the old barn."
CLAIM = "The owl sleeps by day."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checker")


@pytest.fixture(scope="module")
def torch_model(folder: Path) -> torch.nn.Module:
    (folder / "cards").mkdir()
    return save_checker(folder / "cards/own")


@pytest.fixture(scope="module")
def settings(folder: Path, torch_model: torch.nn.Module) -> Settings:
    words = [word for word in SAID.split() if word.isalpha()]
    card = checker_card(folder / "cards/own")
    return own_settings(folder, card, words=words, metrics_port=0, default_checker="own-checker")


@pytest.fixture(scope="module")
def running(settings: Settings) -> Iterator[Running]:
    with served_locally(settings) as made:
        yield made


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[Client]:
    with Client(running.address, timeout=60) as made:
        yield made


def test_the_server_lists_its_checker_and_checks_claims_as_the_model_does(
    client: Client, folder: Path, torch_model: torch.nn.Module
) -> None:
    (listed,) = client.checkers()

    [verdict] = client.check(CLAIM, [EVIDENCE], checker=listed.name).verdicts.values()

    expected = bare_probabilities(folder / "cards/own", torch_model, EVIDENCE, CLAIM)
    assert (listed.name, listed.context_tokens, listed.ready) == ("own-checker", 40, True)
    assert verdict.score == pytest.approx(expected[0], abs=1e-4)
    assert (verdict.checker, verdict.checker_revision) == (listed.name, listed.revision)


def test_the_checker_of_the_settings_is_the_default(client: Client) -> None:
    named, unnamed, other = (
        client.check(CLAIM, [EVIDENCE], checker=one).verdicts[1] for one in ("own-checker", None, "verbatim")
    )

    assert unnamed == named
    assert other.checker == "verbatim"


def test_a_wrong_name_or_parameter_is_told_with_the_choices(client: Client) -> None:
    with pytest.raises(NotFound, match="own-checker"):
        client.check(CLAIM, [EVIDENCE], checker="my-checker")
    with pytest.raises(InvalidArgument, match="threshold"):
        client.check(CLAIM, [EVIDENCE], checker=("own-checker", {"precision": 0.9}))


def test_claims_of_an_answer_are_checked_by_the_model_where_it_is_named(
    client: Client, folder: Path, torch_model: torch.nn.Module
) -> None:
    client.ingest("birds", [Item("owl", EVIDENCE)]).collect()

    found = client.answer(
        "birds", "does the owl fly at night?", grounding=Grounding(checker="own-checker")
    ).collect()

    quote = EVIDENCE.partition(" The wren")[0]
    expected = bare_probabilities(folder / "cards/own", torch_model, EVIDENCE, quote)
    verdicts = {one.checker: one.score for one in found.verdicts.values()}
    assert verdicts == {"own-checker": pytest.approx(expected[0], abs=1e-4)}


def test_command_lines_and_health_show_it(running: Running, client: Client, settings: Settings) -> None:
    environment = {
        "TIEBACK_CARDS": str(settings.cards), "TIEBACK_MODELS": str(settings.models), "TIEBACK_STORE": "",
        "TIEBACK_SERVER": running.address,
    }  # fmt: skip
    stored = json.loads(CliRunner().invoke(models, ["list", "--json"], env=environment).stdout)
    methods = CliRunner().invoke(app.tieback, ["methods", "grounding"], env=environment).stdout
    state = {one.name: one.ready for one in client.server_info().services}

    [own] = [one for one in stored["models"] if one["name"] == "own-checker"]
    assert (own["kind"], own["state"]) == ("checker", "ready")
    assert "own-checker\tthreshold" in methods
    assert state["checker:own-checker"] is True


def test_metrics_count_its_batches(running: Running, client: Client) -> None:
    client.check(CLAIM, [EVIDENCE], checker="own-checker")

    page = running.server.telemetry.page().decode()

    assert "tieback_checked_claims_total{label=" in page
    assert 'space="own-checker"' in page


def test_settings_that_name_no_checker_stop_the_start_with_the_choices(settings: Settings) -> None:
    for changes, told in (
        ({"checkers": ("other",)}, r"TIEBACK_CHECKERS: .*own-checker"),
        ({"default_checker": "other"}, r"TIEBACK_DEFAULT_CHECKER: .*own-checker.*verbatim"),
        ({"checkers": ("none",)}, r"TIEBACK_DEFAULT_CHECKER: .*own-checker"),
    ):
        with pytest.raises(StartupError, match=told):
            Plan(settings.model_copy(update=changes))
    plan = Plan(settings.model_copy(update={"checkers": ("none",), "default_checker": "verbatim"}))
    assert plan.checkers == ()
