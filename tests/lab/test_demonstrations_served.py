"""A service of an extension: there where the extension is used, and refused with the way to it elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.kept_projection import kept_projection
from support.local_platform import served_locally
from support.words_server import words_server
from tieback.core.errors import StartupError
from tieback.serving.plan import Plan
from tieback.serving.requests.contract import METHODS, methods
from tieback.serving.settings import Settings
from tieback_client import Unimplemented
from tieback_lab.client import Client
from tieback_lab.contract.demonstrations import Demonstration

OWLS = Demonstration("owls", "Owls fly at night.", "When do owls fly?", "At night.")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return words_server(tmp_path_factory.mktemp("served"))


def test_a_server_without_the_lab_refuses_its_service_with_the_way_to_it(settings: Settings) -> None:
    with served_locally(settings) as running, Client(running.address, timeout=60) as client:
        with pytest.raises(Unimplemented, match="the extension 'lab': set TIEBACK_EXTENSIONS=lab"):
            client.put_demonstration(OWLS)

        assert methods() == METHODS


def test_a_server_with_the_lab_has_it_beside_the_generator_and_counts_its_calls(settings: Settings) -> None:
    given = settings.model_copy(update={"extensions": ("lab",)})

    with served_locally(given) as running, Client(running.address, timeout=60) as client:
        with pytest.raises(Unimplemented, match="tieback train aim"):
            client.put_demonstration(OWLS)

        named = {"service": "DemonstrationService", "method": "PutDemonstration", "code": "UNIMPLEMENTED"}
        assert running.value("tieback_requests_total", **named) == 1
        assert "/tieback.lab.v1.DemonstrationService/PutDemonstration" in methods()


def test_an_artifact_of_a_kind_of_the_lab_is_refused_with_the_way_to_it(
    settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(StartupError, match="it is in the extension 'lab': set TIEBACK_EXTENSIONS=lab"):
        _ = Plan(settings.model_copy(update={"artifacts": (str(kept_projection(tmp_path)),)})).artifacts
