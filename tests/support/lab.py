"""The lab in use, for the tests of a folder, whose conftest imports the fixture, or of a file that does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tieback.core import extensions
from tieback.core.family import Family


@pytest.fixture(autouse=True, scope="module")
def lab() -> Iterator[None]:
    """As in a process where TIEBACK_EXTENSIONS names it."""
    with lab_in_use():
        yield


@contextmanager
def lab_in_use() -> Iterator[None]:
    """The same for a while: tests that are made of names are listed before fixtures are there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(extensions.VARIABLE, "lab")
        yield


def all_names(family: Family[Any]) -> list[str]:
    """Names of a family's methods, those of the lab among them."""
    with lab_in_use():
        return family.names()
