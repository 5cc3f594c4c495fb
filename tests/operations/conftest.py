"""Operations in a folder, of a kind made small."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from support.counting_kind import NO_SERVICES, installed
from tieback.operations.service import Operations

Opened: TypeAlias = Callable[..., AbstractAsyncContextManager[Operations]]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where files are counted into; the kind "count" is there."""
    with installed(tmp_path / "kinds"):
        yield tmp_path


@pytest.fixture
def opened(folder: Path) -> Opened:
    """Opens the operations of the folder, running unless it is told otherwise."""

    @asynccontextmanager
    async def open_(*, runs: bool = True, **more: Any) -> AsyncIterator[Operations]:
        operations = Operations.open(folder / "operations", NO_SERVICES, **more)
        if runs:
            await operations.begin()
        try:
            yield operations
        finally:
            await operations.close()

    return open_
