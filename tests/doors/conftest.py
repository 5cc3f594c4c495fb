"""A platform with the HTTP door, which the tests of a module share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.local_platform import Running, served_locally
from tieback.serving.settings import Settings

SPACE = "all-minilm-l6-v2"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One space and quotes, without a language model."""
    settings = Settings(
        store=tmp_path_factory.mktemp("door") / "store",
        port=0,
        http_port=0,
        metrics_port=0,
        drain_seconds=1,
        spaces=(SPACE,),
        generator_enabled=False,
    )
    with served_locally(settings) as running:
        yield running
