"""Platforms with doors, which the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.doors import running
from support.local_platform import Running, served_locally
from support.running_platform import Platform
from tieback.serving.settings import Settings

SPACE = "all-minilm-l6-v2"
SPACES = "all-minilm-l6-v2,efficientnet-lite0,splade-tiny,wordllama-256"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One space and quotes, without a language model, with the HTTP door."""
    settings = Settings(
        store=tmp_path_factory.mktemp("door") / "store",
        port=0,
        http_port=0,
        metrics_port=0,
        drain_seconds=1,
        spaces=(SPACE,),
        generator="none",
    )
    with served_locally(settings) as server:
        yield server


@pytest.fixture(scope="session")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform in a process of its own, with every door on its gRPC port."""
    with running(tmp_path_factory.mktemp("doors"), DOORS="kserve,tei", SPACES=SPACES) as platform:
        yield platform
