"""What tests of a whole platform in one process share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tieback_client import Client


@pytest.fixture(scope="module")
def client(local_platform: Any) -> Iterator[Client]:
    """A client of the platform that all tests of a run share."""
    with Client(local_platform.address, timeout=120) as made:
        yield made
