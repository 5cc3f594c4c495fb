"""A kind of operation made small: it writes numbers to a file, one a step, and goes on after the last.

`installed` writes it into a folder and has it found there, as a file that is added to the kinds is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tieback.core.types.operation import OperationRecord
from tieback.operations import kinds
from tieback.operations.kinds import Services
from tieback.operations.service import Operations

SOURCE = '''
"""Counts."""

import asyncio
import os
import secrets
from pathlib import Path

from tieback.core.call import once_there_is_room
from tieback.core.deadline import NO_DEADLINE
from tieback.core.errors import InvalidInput, Overloaded, Unavailable
from tieback.core.types.operation import Progress
from tieback.operations.kinds import Kind


class Count(Kind):
    """Writes the numbers below `steps` to a file."""

    path: str
    steps: int = 3
    pause: float = 0.0
    refused: bool = False
    fails: bool = False
    breaks: bool = False
    away: int = 0
    crowded: int = 0
    frees: bool = False

    @property
    def subject(self):
        return self.path

    async def check(self, services):
        if self.refused:
            raise InvalidInput("it is refused", field="refused")

    async def discard(self, services):
        if self.frees:
            await asyncio.sleep(self.pause)
            Path(self.path).unlink()

    async def ask_for_room(self):
        refused = Path(self.path + ".refused")
        times = len(refused.read_text()) if refused.exists() else 0
        if times < self.crowded:
            refused.write_text("x" * (times + 1))
            raise Overloaded("too much waits", retry_after=0.01)

    async def run(self, services, checkpoint):
        path, done = Path(self.path), 0
        if path.exists():
            done = len(path.read_text().split("\\n")) - 1
            path.write_text("".join(f"{n}\\n" for n in range(done)))
        yield Progress(done, self.steps)
        if self.breaks:
            raise ZeroDivisionError("inside")
        if self.fails:
            raise InvalidInput("it failed", field="steps")
        missed = Path(self.path + ".missed")
        tries = len(missed.read_text()) if missed.exists() else 0
        if tries < self.away:
            missed.write_text("x" * (tries + 1))
            raise Unavailable("the service is away", retry_after=0.0)
        for number in range(done, self.steps):
            await once_there_is_room(self.ask_for_room, NO_DEADLINE)
            await asyncio.sleep(self.pause)
            with path.open("a") as file:
                file.write(f"{number}\\n")
                file.flush()
                os.fsync(file.fileno())
            yield Progress(number + 1, self.steps)
        end = dict(checkpoint) or {"sum": sum(range(self.steps)), "chosen": secrets.token_hex(4)}
        yield Progress(self.steps, self.steps, checkpoint=end, committing=True)
        await asyncio.sleep(self.pause)
        yield Progress(self.steps, self.steps, result=end)
'''
NO_SERVICES: Any = Services(reindex=None, upgrade=None, heads=None, moving=None)  # type: ignore[arg-type]  # this kind asks none


def write(folder: Path) -> Path:
    """The folder, with the kind "count"."""
    folder.mkdir(exist_ok=True)
    (folder / "count.py").write_text(SOURCE)
    return folder


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """The kind is one of the kinds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kinds, "__path__", [*kinds.__path__, str(write(folder))])
        yield


async def over(operations: Operations, name: str) -> OperationRecord:
    """An operation that has ended."""
    async with asyncio.timeout(20):
        while not (found := await operations.wait(name, 1.0)).state.is_over:
            pass
    return found


async def running(operations: Operations, name: str, done: int = 0) -> OperationRecord:
    """An operation that has done so much."""
    async with asyncio.timeout(20):
        while (found := await operations.get(name)).state != "running" or found.done < done:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return found


def counting(folder: Path, name: str = "numbers", **more: Any) -> dict[str, Any]:
    """A request to count into a file of the folder."""
    return {"path": str(folder / name), **more}


def numbers(folder: Path, name: str = "numbers") -> list[int]:
    """What was counted into it."""
    return [int(one) for one in (folder / name).read_text().split()]
