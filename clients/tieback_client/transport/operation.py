"""An operation in the hands of `Client`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Generic

from tieback_client.errors import DeadlineExceeded, InternalError
from tieback_client.values.operations import OperationStatus, R

if TYPE_CHECKING:
    from tieback_client.async_client import AsyncClient
    from tieback_client.client import Client

WAIT = 30.0
"""Seconds for which one call waits; longer waits are several calls."""


class AsyncOperation(Generic[R]):
    """Work that the server does, whether or not this program goes on. `status` is the last one received."""

    def __init__(self, client: AsyncClient, status: OperationStatus[R]) -> None:
        self._client = client
        self.status = status

    @property
    def id(self) -> str:
        """What it is called: `client.operation(id)` finds it again."""
        return self.status.id

    async def progress(self) -> OperationStatus[R]:
        """Asks how far it is."""
        return self._heard((await self._client.operation(self.id)).status)

    async def follow(self, every: float = 0.5) -> AsyncIterator[OperationStatus[R]]:
        """How far it is, about every so many seconds, and how it ended."""
        while not (await self.progress()).is_over:
            yield self.status
            await self._wait(every)
        yield self.status

    async def wait(self, timeout: float | None = None) -> OperationStatus[R]:
        """Returns when it has ended, well or not. `DeadlineExceeded` after `timeout` seconds; it goes on."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.status.is_over:
            left = WAIT if until is None else until - time.monotonic()
            if left <= 0:
                raise too_late(self.id, timeout)
            await self._wait(min(left, WAIT))
        return self.status

    async def result(self, timeout: float | None = None) -> R:
        """What came of it, once it has ended. Raises its error where it failed or was cancelled."""
        return result_of(await self.wait(timeout))

    async def cancel(self) -> None:
        """Asks it to end; it has when `wait` returns, unless it had succeeded by then."""
        await self._client.cancel_operation(self.id)

    async def delete(self) -> None:
        """Has the server forget it. It must have ended."""
        await self._client.delete_operation(self.id)

    async def _wait(self, seconds: float) -> None:
        self._heard(await self._client.wait_operation(self.id, seconds=seconds))

    def _heard(self, status: OperationStatus[R]) -> OperationStatus[R]:
        self.status = status
        return status


class Operation(Generic[R]):
    """Work that the server does, whether or not this program goes on. `status` is the last one received."""

    def __init__(self, client: Client, status: OperationStatus[R]) -> None:
        self._client = client
        self.status = status

    @property
    def id(self) -> str:
        """What it is called: `client.operation(id)` finds it again."""
        return self.status.id

    def progress(self) -> OperationStatus[R]:
        """Asks how far it is."""
        return self._heard(self._client.operation(self.id).status)

    def follow(self, every: float = 0.5) -> Iterator[OperationStatus[R]]:
        """How far it is, about every so many seconds, and how it ended."""
        while not self.progress().is_over:
            yield self.status
            self._wait(every)
        yield self.status

    def wait(self, timeout: float | None = None) -> OperationStatus[R]:
        """Returns when it has ended, well or not. `DeadlineExceeded` after `timeout` seconds; it goes on."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self.status.is_over:
            left = WAIT if until is None else until - time.monotonic()
            if left <= 0:
                raise too_late(self.id, timeout)
            self._wait(min(left, WAIT))
        return self.status

    def result(self, timeout: float | None = None) -> R:
        """What came of it, once it has ended. Raises its error where it failed or was cancelled."""
        return result_of(self.wait(timeout))

    def cancel(self) -> None:
        """Asks it to end; it has when `wait` returns, unless it had succeeded by then."""
        self._client.cancel_operation(self.id)

    def delete(self) -> None:
        """Has the server forget it. It must have ended."""
        self._client.delete_operation(self.id)

    def _wait(self, seconds: float) -> None:
        self._heard(self._client.wait_operation(self.id, seconds=seconds))

    def _heard(self, status: OperationStatus[R]) -> OperationStatus[R]:
        self.status = status
        return status


def too_late(name: str, timeout: float | None) -> DeadlineExceeded:
    """The error of a wait that was too short."""
    return DeadlineExceeded(f"the operation {name} has not ended within {timeout:g} s; it goes on")


def result_of(status: OperationStatus[R]) -> R:
    """The result of an operation that has ended, or its error."""
    if status.error is not None:
        raise status.error
    if status.result is None:
        raise InternalError(f"the operation {status.id} ended with a result that this version does not know")
    return status.result
