"""`tieback serve` before anything runs: what it refuses, and what it says then."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from tieback.serving.commands import serve as command
from tieback.serving.commands.serve import serve
from tieback.serving.processes.deployments import IMPORT_PATH, application
from tieback.serving.settings import Settings
from tieback.serving.settings.groups import BEGINS, setting_groups


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TIEBACK_") and name != "TIEBACK_MODELS"]:
        monkeypatch.delenv(name)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(serve, ["--port", "0", "--metrics-port", "0", *arguments])


def test_models_that_are_not_in_the_store_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    result = run("--models", str(tmp_path), "--spaces", "wordllama-256,yamnet", "--generator", "none")

    assert result.exit_code == 1
    assert "run: tieback models pull wordllama-256 yamnet" in result.output


@pytest.mark.parametrize("option", ["--port", "--metrics-port", "--health-port"])
@pytest.mark.parametrize("mode", [["--local"], []])
def test_a_port_that_stays_taken_is_said_to_be_with_the_settings_that_choose_another(
    monkeypatch: pytest.MonkeyPatch, option: str, mode: list[str]
) -> None:
    monkeypatch.setattr(command, "SPARE_SECONDS", 0.3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        result = run(option, str(port), "--drain-seconds", "0", *mode)

    variable = f"TIEBACK_{option[2:].upper().replace('-', '_')}"
    assert result.exit_code == 1
    assert f"port {port} ({variable}) is taken; waiting up to 0.3 s for it" in result.output
    assert f"choose another with {option} or {variable}" in result.output


def test_an_unknown_space_is_named_with_the_choices() -> None:
    result = run("--spaces", "nowhere")

    assert result.exit_code == 1
    assert "the choices are: all-minilm-l6-v2" in result.output


def test_a_setting_out_of_range_is_named() -> None:
    result = run("--replicas", "0")

    assert result.exit_code == 1
    assert "TIEBACK_REPLICAS" in result.output


def test_fewer_replicas_at_most_than_at_least_are_refused() -> None:
    result = run("--replicas", "3", "--replicas-max", "2")

    assert result.exit_code == 1
    assert "TIEBACK_REPLICAS_MAX: 2 is below TIEBACK_REPLICAS, 3" in result.output


def test_with_json_a_failure_is_an_object_on_standard_output() -> None:
    result = run("--json", "--spaces", "nowhere")

    assert json.loads(result.stdout)["event"] == "failed"


def test_every_setting_is_an_option() -> None:
    options = {option for parameter in serve.params for option in parameter.opts}

    assert {"--" + name.replace("_", "-") for name in Settings.model_fields} <= options


def test_the_help_lists_every_setting_in_its_group_with_its_default() -> None:
    shown = run("--help").output
    found = {title: shown.index(f"\n{title}:\n") for title in ("Options", *BEGINS)}

    assert sorted(found, key=found.__getitem__) == ["Options", *BEGINS]
    assert all(setting_groups().values())
    assert {name for names in setting_groups().values() for name in names} == set(Settings.model_fields)
    for option, title, default in (
        ("--store PATH", "Files and models", "[store]"),
        ("--port INTEGER", "Network and access", "[50051]"),
    ):
        assert shown.index(option) > found[title]
        assert default in shown[shown.index(option) :][:400]


def test_the_configuration_for_ray_serve_builds_the_application_again() -> None:
    printed = run("--print-config", "--spaces", "wordllama-256", "--gateways", "2", "--generator", "none")

    config = yaml.safe_load(printed.stdout)
    described = config["applications"][0]
    assert config["proxy_location"] == "Disabled"
    assert described["import_path"] == IMPORT_PATH
    assert described["args"] == {
        "spaces": ["wordllama-256"],
        "gateways": 2,
        "generator": "none",
        "port": 0,
        "metrics_port": 0,
    }
    assert type(application(described["args"])).__name__ == "Application"
