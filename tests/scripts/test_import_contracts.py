"""The contracts of import-linter hold for every package, also for one that was added since."""

from __future__ import annotations

import pkgutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tieback

ROOT = Path(__file__).parents[2]
STUBS = {"tieback.v1", "tieback.dialects"}
PACKAGES = {f"tieback.{module.name}" for module in pkgutil.iter_modules(tieback.__path__)} - STUBS


@pytest.fixture
def contracts() -> dict[str, dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {one["name"]: one for one in settings["tool"]["importlinter"]["contracts"]}


def test_every_package_but_serving_is_kept_from_ray_and_grpc(contracts: dict[str, dict[str, Any]]) -> None:
    kept = contracts["Ray and gRPC stay under serving"]["source_modules"]

    assert set(kept) == PACKAGES - {"tieback.serving", "tieback.doors"}


def test_a_door_is_kept_from_every_package_behind_the_ports(contracts: dict[str, dict[str, Any]]) -> None:
    forbidden = contracts["A door knows the client and the ports alone"]["forbidden_modules"]

    may = {"tieback.doors", "tieback.core", "tieback.ports", "tieback.catalog"}
    assert set(forbidden) - {"ray"} == PACKAGES - may


def test_the_client_is_kept_from_every_package_of_the_server(contracts: dict[str, dict[str, Any]]) -> None:
    forbidden = contracts["The client knows the contract alone"]["forbidden_modules"]

    assert set(forbidden) - {"ray"} == PACKAGES
