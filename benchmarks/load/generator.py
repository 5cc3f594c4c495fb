"""The load in a process of its own, so that neither the server nor the measuring program shares its lock."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.load import loops
from benchmarks.load.target import Request, Target
from benchmarks.load.turn import Turn

JOBS: Mapping[str, Callable[..., Awaitable[Any]]] = {
    "closed": loops.closed,
    "opened": loops.opened,
    "vectors": loops.vectors,
}
STOP_SECONDS = 5.0
PRIORITY = -10
"""Of a generator that goes before others."""


class LoadError(Exception):
    """The load could not be put on the target; the message is the fault as its process met it."""


class Generator:
    """A process with one open target. Its methods are those of `benchmarks.load.loops`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def closed(self, work: Sequence[Request], **options: Any) -> Turn:
        """See `loops.closed`."""
        return cast("Turn", self._do("closed", work, options))

    def opened(self, work: Sequence[Request], **options: Any) -> Turn:
        """See `loops.opened`."""
        return cast("Turn", self._do("opened", work, options))

    def vectors(self, work: Sequence[Request]) -> list[NDArray[np.float32]]:
        """See `loops.vectors`."""
        return cast("list[NDArray[np.float32]]", self._do("vectors", work, {}))

    def _do(self, job: str, work: Sequence[Request], options: Mapping[str, Any]) -> object:
        try:
            self._connection.send((job, work, options))
            return _result(self._connection)
        except (EOFError, OSError) as error:
            raise LoadError("the load's process is gone") from error


@contextlib.contextmanager
def generating(target: Target, *, first: bool = False) -> Iterator[Generator]:
    """A generator on the target, which is sent over and opened there. LoadError where it does not open.

    The target must not be open here: connections cannot be sent. With `first`, its process goes before others
    where the system lets it, so that a busy machine delays answers, and not the look at them.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_main, args=(theirs, target, first), name="load", daemon=True)
    process.start()
    theirs.close()
    try:
        try:
            _result(ours)
        except EOFError:
            raise LoadError("the load's process did not start") from None
        yield Generator(ours)
    finally:
        ours.close()  # at which the process ends
        process.join(STOP_SECONDS)
        process.kill()
        process.join()


def _result(connection: Connection) -> object:
    well, result = connection.recv()
    if not well:
        raise LoadError(result)
    return result


def _main(connection: Connection, target: Target, first: bool) -> None:
    if first:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, PRIORITY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the program, which then hangs up
    with contextlib.suppress(BrokenPipeError):
        asyncio.run(_serve(connection, target))


async def _serve(connection: Connection, target: Target) -> None:
    """Does one job after the other until the other side hangs up."""
    loop = asyncio.get_running_loop()
    try:
        await target.open()
    except Exception as error:  # noqa: BLE001 - the other side is told
        connection.send((False, f"{type(error).__name__}: {error}"))
        return
    connection.send((True, None))
    while True:
        try:
            job, work, options = await loop.run_in_executor(None, connection.recv)
        except (EOFError, OSError):
            break
        try:
            answer = True, await JOBS[job](target, work, **options)
        except Exception:  # noqa: BLE001 - the other side is told
            answer = False, traceback.format_exc()
        connection.send(answer)
    await target.close()
