"""An endpoint that is away, as its server reports it: in health, in the catalog, by doctor, in answers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.local_platform import Running, served_locally
from support.running_platform import wait_for
from tieback.serving.commands.doctor import doctor
from tieback.serving.settings import Settings
from tieback_client import AnswerStyle, Client, Health, Unavailable
from tieback_client.cli.app import tieback

SPACE = "wordllama-256"
FAR = "endpoint:far"
OPEN = "The bridge is open on Monday."
CARD = {
    "name": "far",
    "role": "generator",
    "runtime": "chat_endpoint",
    "description": "A model of another server, which is away.",
    "license": "unstated",
    "upstream": "somebody/far",
    "context_tokens": 2048,
    "options": {"base_url": "http://127.0.0.1:9/v1", "model": "far-8b", "attempts": 1},
}


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    (folder / "far.yaml").write_text(json.dumps(CARD))
    return folder


@pytest.fixture(scope="module")
def platform(cards: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings(
        cards=cards,
        store=tmp_path_factory.mktemp("away") / "store",
        port=0,
        http_port=0,
        metrics_port=None,
        drain_seconds=1,
        spaces=(SPACE,),
        generator="far",
    )
    with served_locally(settings) as running:
        yield running


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_an_endpoint_that_is_away_is_a_service_that_is_not_ready_of_a_server_that_is(
    platform: Running, cards: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Client(platform.address, timeout=30) as client:
        wait_for(lambda: _detail(client) == "the endpoint of far does not answer")

        assert client.health() is Health.SERVING
        assert client.health(FAR) is Health.NOT_SERVING
    assert status(f"{platform.http}/readyz") == 200
    assert status(f"{platform.http}/readyz?service={FAR}") == 503

    told = CliRunner().invoke(tieback, ["--server", platform.address, "health"])
    assert told.exit_code == 0
    assert "the endpoint of far does not answer" in told.output
    monkeypatch.setenv("TIEBACK_CARDS", str(cards))
    monkeypatch.setenv("TIEBACK_GENERATOR", "far")
    found = json.loads(CliRunner().invoke(doctor, ["--json", "--server", platform.address]).output)
    faults = [one["found"] for one in found["checks"] if one["name"] == "endpoint" and one["state"] == "bad"]
    assert faults == ["the endpoint of far does not answer"] * 2  # from here, and by the server


def test_an_answer_is_quoted_and_says_so_unless_the_model_is_named(platform: Running) -> None:
    with Client(platform.address, timeout=30) as client:
        answer = client.generate("Is the bridge open?", [OPEN]).collect()

        assert answer.text == OPEN
        assert answer.finish is not None
        assert answer.finish.style is AnswerStyle.QUOTE
        assert answer.degraded is not None
        assert (answer.degraded.reason, answer.degraded.model) == ("ENDPOINT_UNAVAILABLE", "far")
        with pytest.raises(Unavailable, match="ask for the style quote") as away:
            client.generate("Is the bridge open?", [OPEN], model="far").collect()
        assert away.value.reason == "ENDPOINT_UNAVAILABLE"
        assert client.retries == 0  # the server has asked it again already


def _detail(client: Client) -> str:
    return next(one.detail for one in client.server_info().services if one.name == FAR)
