"""The lab in use, for the tests of a folder: its conftest imports the fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tieback.core import extensions


@pytest.fixture(autouse=True, scope="module")
def lab() -> Iterator[None]:
    """As in a process where TIEBACK_EXTENSIONS names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(extensions.VARIABLE, "lab")
        yield
