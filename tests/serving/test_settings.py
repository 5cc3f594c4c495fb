"""Settings come from arguments, then the environment, then defaults; a wrong one stops the start by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.each import each
from tieback.artifacts import described
from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.store import Store
from tieback.models.store.manifest import Manifest, kind_of
from tieback.serving.commands.serve import check_models
from tieback.serving.settings import Settings, load_settings
from tieback_contract.limits import Limits

MOST_SETTINGS = 60


def test_the_defaults_are_the_limits_of_the_contract() -> None:
    assert load_settings().limits == Limits()


def test_an_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_PORT", "1234")

    assert load_settings().port == 1234
    assert load_settings(port=5678).port == 5678
    assert load_settings(port=None).port == 1234


def test_spaces_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_SPACES", "a, b,")

    assert load_settings().spaces == ("a", "b")


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("PORT", "many"), ("PROVIDER", "tpu"), ("MESSAGE_BYTES", "0"), ("DOORS", "window")],
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"TIEBACK_{name}", value)

    with pytest.raises(StartupError, match=f"TIEBACK_{name}"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "many", "a whole number"),
        ("DRAIN_SECONDS", "soon", "a number"),
        ("INDEX_ENABLED", "so", "true or false"),
    ],
)
def test_a_wrong_form_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"TIEBACK_{name}", value)

    with pytest.raises(StartupError, match=f"TIEBACK_{name} is '{value}': it must be {told}"):
        load_settings()


def test_a_misspelt_variable_stops_the_start_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_PROT", "1234")

    with pytest.raises(StartupError, match="TIEBACK_PROT is not a setting; did you mean TIEBACK_PORT"):
        load_settings()


def test_a_setting_of_before_stops_the_start_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, nearest in {"GENERATOR_ENABLED": "GENERATOR", "BINDING_CANARY": "BINDING", "MCP": "."}.items():
        monkeypatch.setenv(f"TIEBACK_{name}", "false")

        with pytest.raises(StartupError, match=f"TIEBACK_{name} is not a setting; .*{nearest}"):
            load_settings()
        monkeypatch.delenv(f"TIEBACK_{name}")


def test_a_clients_variables_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIEBACK_SERVER", "localhost:1")
    monkeypatch.setenv("TIEBACK_TOKEN", "secret")

    assert load_settings().port == 50051


def test_half_a_pair_of_tls_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="go together"):
        load_settings(tls_certificate=tmp_path / "a")


def test_tls_is_turned_off_by_a_word_and_not_by_an_empty_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CERTIFICATE", "KEY"):
        monkeypatch.setenv(f"TIEBACK_TLS_{name}", "none")
    assert load_settings().tls_certificate is None

    for name in ("CERTIFICATE", "KEY"):
        monkeypatch.setenv(f"TIEBACK_TLS_{name}", "")
    assert load_settings().tls_certificate is not None, "the start then says that the file cannot be read"


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_what_one_setting_gives_is_no_setting_of_its_own() -> None:
    budgets = {name: load_settings(provider=name).batch_budget for name in ("cpu", "cuda")}
    calls = {most: load_settings(open_calls=most).limits.tenant_calls for most in (1, 100)}
    texts = load_settings(message_bytes=320_000).limits.text_bytes

    assert budgets == {"cpu": 512, "cuda": 16_384}
    assert calls == {1: 1, 100: 50}, "half of them leave room for another tenant"
    assert texts == 10_000
    assert len(Settings.model_fields) <= MOST_SETTINGS


@each(
    "given, name",
    [
        ({"tls_certificate": Path("a")}, "TIEBACK_TLS_CERTIFICATE: it and TIEBACK_TLS_KEY go together"),
        ({"tls_client_ca": Path("a")}, "TIEBACK_TLS_CLIENT_CA: it needs TIEBACK_TLS_CERTIFICATE"),
        ({"replicas": 3, "replicas_max": 2}, "TIEBACK_REPLICAS_MAX: 2 is below TIEBACK_REPLICAS, 3"),
        ({"regions": "together", "binding": "none"}, "TIEBACK_REGIONS: together needs a binding"),
        ({"trials": "abc:100.5"}, "TIEBACK_TRIALS: the percentage is"),
        ({"port": "70000"}, "TIEBACK_PORT is '70000': "),
    ],
)
def test_settings_that_do_not_go_together_name_the_one_that_is_wrong(
    given: dict[str, object], name: str
) -> None:
    with pytest.raises(StartupError) as caught:
        load_settings(**given)

    assert f"the settings are not right: {name}" in caught.value.message
    assert "Value error" not in caught.value.message
    assert "TIEBACK_SETTINGS" not in caught.value.message


@pytest.mark.parametrize("value", ["", "none"])
def test_a_port_that_may_be_left_out_is_left_out_by_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TIEBACK_HTTP_PORT", value)

    found = load_settings(metrics_port=value, health_port=value)

    assert (found.http_port, found.metrics_port, found.health_port) == (None, None, None)


def test_the_folder_inside_a_model_store_is_told_apart_from_the_store(tmp_path: Path) -> None:
    card = next(one for one in Catalog.load().encoders() if not one.computation)
    store = Store(tmp_path)
    folder = store.folder(card)
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(b"graph")
    Manifest(kind_of(card), card.name, card.revision, card.export, served=described(folder)).write(folder)

    with pytest.raises(StartupError, match=f"set TIEBACK_MODELS or --models to {tmp_path}$"):
        check_models(load_settings(models=tmp_path / "models", spaces=(card.name,), generator="none"))
