"""Tests of the lab: each uses it, as a process does where TIEBACK_EXTENSIONS names it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tieback.core import extensions


@pytest.fixture(autouse=True, scope="module")
def lab() -> Iterator[None]:
    """The lab in use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(extensions.VARIABLE, "lab")
        yield
