"""The lab in use, for the tests of a folder, whose conftest imports the fixture, or of a file that does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tieback.core import extensions
from tieback.core.family import Family


@pytest.fixture(autouse=True, scope="module")
def lab() -> Iterator[None]:
    """As in a process where TIEBACK_EXTENSIONS names it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(extensions.VARIABLE, "lab")
        yield


def all_names(family: Family[Any]) -> list[str]:
    """Names of a family's methods, those of the lab among them: for tests that are made of names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(extensions.VARIABLE, "lab")
        return family.names()
