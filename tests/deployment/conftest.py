"""The overlays, built."""

from __future__ import annotations

import pytest
from support.deployment import OVERLAYS, Overlay, build


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> Overlay:
    """Each overlay in turn."""
    return build(request.param)


@pytest.fixture
def production() -> Overlay:
    return build("production")


@pytest.fixture
def gpu() -> Overlay:
    return build("gpu")


@pytest.fixture
def replicated() -> Overlay:
    return build("replicated")


@pytest.fixture
def pool() -> Overlay:
    """The overlay with a pool of encoders beside the platform."""
    return build("encoders")
