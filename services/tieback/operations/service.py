"""The operations of a server: started, listed, waited for, cancelled, deleted, resumed after a restart."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tieback_contract.operations import OperationState

from tieback.core.deadline import NO_DEADLINE, Deadline
from tieback.core.errors import AlreadyExists, InvalidInput, NotFound, Overloaded, TiebackError
from tieback.core.page_tokens import PageTokens
from tieback.core.tenant import PRINCIPAL, AccessLevel
from tieback.core.types.operation import Json, OperationRecord
from tieback.operations import kinds
from tieback.operations.filtering import passes, read_filter
from tieback.operations.journal import Journal, read_operation, write_operation
from tieback.operations.run import OperationRun, Turns

LONGEST_WAIT = 60.0
"""Seconds that one call waits for an operation at most; the caller asks again."""
_SPARE = 0.2
"""Seconds of a call's deadline that are left to answer it."""
_PAGE, _LARGEST_PAGE = 50, 500
_RETRY = 60.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many operations there may be: running at once on the server; waiting and running of one tenant;
    ended of one tenant, and for how many seconds these are kept.
    """

    running: int = 2
    active: int = 100
    kept: int = 100
    kept_seconds: float = 30 * 24 * 3600.0


DEFAULT_BOUNDS = Bounds()


def _nothing(_: OperationRecord) -> None:
    """What is done for an operation where nobody asks for more."""


class Operations:
    """The operations of all tenants; each sees its own. Open it with `open`, begin to run them with `begin`.

    `act` has the running task work for an operation's owner; it raises where that is not a tenant any more.
    `on_end` is called with each that has ended.
    """

    def __init__(
        self,
        journal: Journal,
        services: kinds.Services,
        *,
        bounds: Bounds = DEFAULT_BOUNDS,
        act: Callable[[OperationRecord], None] = _nothing,
        on_end: Callable[[OperationRecord], None] = _nothing,
    ) -> None:
        self._journal, self._services, self._bounds = journal, services, bounds
        self._act, self._on_end = act, on_end
        self._known: dict[str, OperationRecord] = {}
        self._changed: dict[str, asyncio.Event] = {}  # set when an operation is over
        self._runs: dict[str, tuple[OperationRun, asyncio.Task[None]]] = {}
        self._turns = Turns()
        self._tokens = PageTokens(secrets.token_bytes(32))
        self._starting = asyncio.Lock()
        self._writer = ThreadPoolExecutor(1, "operations")
        self._is_running = self._is_draining = self._is_closed = False

    @classmethod
    def open(cls, folder: Path, services: kinds.Services, **more: Any) -> Operations:
        """Reads the journal in that folder. StartupError where another server has it; see `Journal`."""
        journal = Journal(folder)
        operations = cls(journal, services, **more)
        if journal.damage:
            _log.warning("%s", journal.damage)
        for name, state in journal.states.items():
            try:
                operation = read_operation(state)
            except (ValueError, KeyError, TypeError):
                _log.warning("the journal of operations holds one that cannot be read: %s", name)
                continue
            operations._known[name] = operation
        return operations

    @property
    def counts(self) -> Counter[tuple[str, str]]:
        """How many operations there are, by kind and state; 0 too where none of a kind waits or runs."""
        active = [state.value for state in OperationState if not state.is_over]
        found = Counter({(kind, state): 0 for kind in kinds.names() for state in active})
        found.update((one.kind, one.state.value) for one in list(self._known.values()))
        return found

    async def begin(self) -> None:
        """Goes on with what was running, and runs what waits. Before it, nothing runs."""
        await self._forget(self._outdated(self._known.values()))
        self._is_running = True
        for one in list(self._known.values()):
            if one.cancelling and not one.checkpoint:
                self._run(one)
            elif one.state is OperationState.RUNNING:
                # Nobody runs it now. It is older than those that come later, so it is among the first.
                self._known[one.id] = replace(one, state=OperationState.WAITING)
        self._run_next()

    async def close(self) -> None:
        """Ends the runs, to go on with them at the next start, and lets another server open the journal."""
        if self._is_closed:
            return
        self._is_running, self._is_closed = False, True
        self.drain()
        for run, task in self._runs.values():
            run.interrupt()
            task.cancel()
        await asyncio.gather(*(task for _, task in self._runs.values()), return_exceptions=True)
        await asyncio.to_thread(self._writer.shutdown)
        self._journal.close()

    def drain(self) -> None:
        """Answers those who wait, now and from here on."""
        self._is_draining = True
        for event in self._changed.values():
            event.set()

    async def start(self, kind: str, request: Mapping[str, Any]) -> OperationRecord:
        """Starts an operation of the running task's tenant, durably; an equal one that is active is returned.

        InvalidInput, or what the kind raises where it could not run. AlreadyExists where another of the kind
        works on the same. Overloaded where the tenant has too many.
        """
        made = kinds.read(kind, request)
        await made.check(self._services)
        # Once begun it is finished, though the caller may give up: the journal and what is known must agree.
        return await asyncio.shield(self._start(kind, made))

    async def _start(self, kind: str, made: kinds.Kind) -> OperationRecord:
        owner = PRINCIPAL.get().tenant
        async with self._starting:
            active = [one for one in self._known.values() if one.owner == owner and not one.state.is_over]
            for one in active:
                if one.subject == made.subject and one.kind in {kind, *made.excludes}:
                    if (
                        one.kind == kind
                        and one.request == made.model_dump(mode="json")
                        and not one.cancelling
                    ):
                        return one
                    raise AlreadyExists(
                        "operation",
                        one.id,
                        f"the operation {one.id} of the kind {one.kind!r} works on {made.subject!r}"
                        f"{' and is being cancelled' if one.cancelling else ''}; wait until it has ended, or "
                        "cancel it",
                    )
            if len(active) >= self._bounds.active:
                raise Overloaded(
                    f"{len(active)} operations of this tenant wait or run, and at most {self._bounds.active} "
                    f"may; try again in {_RETRY:g} s, or cancel some",
                    retry_after=_RETRY,
                )
            operation = OperationRecord(
                id=f"{kind}-{secrets.token_hex(6)}",
                kind=kind,
                owner=owner,
                subject=made.subject,
                request=made.model_dump(mode="json"),
                created=time.time(),
            )
            await self._append({operation.id: write_operation(operation)})
            self._known[operation.id] = operation
        self._run_next()
        return self._known[operation.id]

    def active(self, kind: str, subject: str) -> OperationRecord | None:
        """The operation of that kind on a subject that waits or runs, of the running task's tenant."""
        owner = PRINCIPAL.get().tenant
        found = (
            one
            for one in self._known.values()
            if (one.owner, one.kind, one.subject) == (owner, kind, subject)
        )
        return next((one for one in found if not one.state.is_over), None)

    def succeeded(self, kind: str, subject: str) -> list[OperationRecord]:
        """Those with a result of that kind on a subject, of the running task's tenant, the newest first."""
        wanted = (PRINCIPAL.get().tenant, kind, subject)
        found = [
            one
            for one in self._known.values()
            if (one.owner, one.kind, one.subject) == wanted and one.result is not None
        ]
        return sorted(found, key=lambda one: one.created, reverse=True)

    async def get(self, name: str) -> OperationRecord:
        """An operation of the running task's tenant. NotFound where it has none of that id."""
        return self._own(name)

    async def page(
        self, *, filter: str = "", page_size: int = 0, page_token: str = ""
    ) -> tuple[list[OperationRecord], str]:
        """A page of the operations that pass the filter, the newest first, and the token of the next one.

        The token is empty on the last page. InvalidInput as in `read_filter`.
        """
        if not 0 <= page_size <= _LARGEST_PAGE:
            raise InvalidInput(
                f"page_size is 0 to {_LARGEST_PAGE}, and 0 is {_PAGE}; this is {page_size}", field="page_size"
            )
        tree, owner = read_filter(filter), PRINCIPAL.get().tenant
        scope = ("operations", owner, filter)
        before = self._tokens.read(page_token, *scope) if page_token else ""
        own = (one for one in self._known.values() if one.owner == owner)
        places = {_place(one): one for one in own if passes(tree, one)}
        following = sorted((place for place in places if not before or place < before), reverse=True)
        shown = following[: page_size or _PAGE]
        more = len(following) > len(shown)
        token = self._tokens.issue(shown[-1], *scope) if more else ""
        return [places[place] for place in shown], token

    async def wait(self, name: str, seconds: float, deadline: Deadline = NO_DEADLINE) -> OperationRecord:
        """The operation once it is over, or as it stands after so many seconds, or some before the deadline.

        No longer than `LONGEST_WAIT`.
        """
        operation = self._own(name)
        most = min(seconds, LONGEST_WAIT, deadline.remaining() - _SPARE)
        if operation.state.is_over or self._is_draining or most <= 0:
            return operation
        event = self._changed.setdefault(name, asyncio.Event())
        try:
            async with asyncio.timeout(most):
                await event.wait()
        except TimeoutError:
            pass
        return self._own(name)

    async def cancel(self, name: str) -> OperationRecord:
        """Asks an operation to end. One that is over stays as it is, and so does one that cannot go back."""
        self._own(name, "cancelling an operation")
        return await asyncio.shield(self._cancel(name))

    async def _cancel(self, name: str) -> OperationRecord:
        operation = self._known[name]
        if operation.state.is_over or operation.cancelling:
            return operation
        if name not in self._runs:
            return await self._cancel_waiting(operation)
        run, task = self._runs[name]
        run.is_cancelled = True  # whatever is noted from here on says so
        try:
            await self._note(replace(operation, cancelling=True))
        except TiebackError:
            run.is_cancelled = False
            raise
        now = self._known.get(name, operation)
        if not (now.state.is_over or run.is_committing):
            task.cancel()
        return now

    async def _cancel_waiting(self, operation: OperationRecord) -> OperationRecord:
        """One that never ran ends at once; of one that did, what it made is removed first, out of turn."""
        name = operation.id
        if operation.begun is None:
            await self._end(replace(operation, state=OperationState.CANCELLED))
            return self._known.get(name, operation)
        try:
            await self._note(replace(operation, cancelling=True))
        except TiebackError:
            self._known[name] = operation
            raise
        if self._is_running and name not in self._runs:
            self._run(self._known[name])
        return self._known[name]

    async def delete(self, name: str) -> None:
        """Forgets an operation that is over. InvalidInput for one that is not: cancel it first."""
        operation = self._own(name, "deleting an operation")
        if not operation.state.is_over:
            raise InvalidInput(
                f"the operation {name} has not ended; cancel it first, and delete it when it has ended",
                field="name",
            )
        await asyncio.shield(self._forget([operation]))

    def _own(self, name: str, work: str = "") -> OperationRecord:
        """An operation of the running task's tenant; for `work` with the role admin."""
        principal = PRINCIPAL.get()
        if work:
            principal.require(AccessLevel.ADMIN, work=work)
        found = self._known.get(name)
        if found is None or found.owner != principal.tenant:
            raise NotFound(
                "operation", name, hint="it was deleted, or is not kept any more; list them to see"
            )
        return found

    def _run_next(self) -> None:
        """Begins to run what waits, as many as may."""
        while self._is_running and len(self._runs) < self._bounds.running:
            chosen = self._turns.next(self._known.values())
            if chosen is None:
                return
            self._run(chosen)

    def _run(self, chosen: OperationRecord) -> None:
        self._known[chosen.id] = running = replace(
            chosen, state=OperationState.RUNNING, begun=chosen.begun or time.time()
        )
        run = OperationRun(self._services, self._act, self._note, is_cancelled=running.cancelling)
        # Nothing of the task that had it started holds for the run: no caller, no trace.
        task = asyncio.create_task(self._carry_out(run, running), name=chosen.id, context=Context())
        self._runs[chosen.id] = run, task

    async def _carry_out(self, run: OperationRun, operation: OperationRecord) -> None:
        try:
            ended = await run.to_its_end(operation)
            known = self._known[operation.id]
            await self._end(replace(known, state=ended.state, result=ended.result, error=ended.error))
        except asyncio.CancelledError:  # the server stops
            return
        finally:
            self._runs.pop(operation.id, None)
        self._run_next()

    async def _end(self, operation: OperationRecord) -> None:
        """Notes an end. Where the disk does not take it, it holds until a restart, which runs it again."""
        operation = replace(
            operation, ended=time.time(), cancelling=False, remaining=None, trouble="", checkpoint={}
        )
        try:
            await self._note(operation)
        except TiebackError as error:
            _log.error("the end of the operation %s is not on the disk: %s", operation.id, error)
        event = self._changed.pop(operation.id, None)
        if event is not None:
            event.set()
        self._on_end(operation)
        own = [one for one in self._known.values() if one.owner == operation.owner]
        await self._forget(self._outdated(own))

    def _outdated(self, operations: Iterable[OperationRecord]) -> list[OperationRecord]:
        """Those that are over for too long, or of which their tenant has too many."""
        oldest = time.time() - self._bounds.kept_seconds
        seen: Counter[str] = Counter()
        found = []
        for one in sorted(operations, key=lambda one: one.ended or 0.0, reverse=True):
            if not one.state.is_over:
                continue
            seen[one.owner] += 1
            if seen[one.owner] > self._bounds.kept or (one.ended or 0.0) < oldest:
                found.append(one)
        return found

    async def _forget(self, operations: Iterable[OperationRecord]) -> None:
        gone: dict[str, None] = {one.id: None for one in operations}
        if not gone:
            return
        try:
            await self._append(gone)
        except TiebackError as error:
            _log.warning("operations that are over cannot be deleted: %s", error)
            return
        for name in gone:
            self._known.pop(name, None)

    async def _note(self, operation: OperationRecord, *, durably: bool = True) -> None:
        """Takes a state in; `durably` it is on the disk when this returns, or it raises.

        States reach the disk in the order in which they are taken in.
        """
        self._known[operation.id] = operation
        if durably:
            await self._append({operation.id: write_operation(operation)})

    async def _append(self, entries: Mapping[str, Json | None]) -> None:
        loop = asyncio.get_running_loop()
        # What was taken in is written, though the task that waits for it be cancelled.
        await asyncio.shield(loop.run_in_executor(self._writer, self._journal.append, entries))


def _place(operation: OperationRecord) -> str:
    """Where an operation stands in a list, as a text that sorts."""
    return f"{operation.created:020.6f} {operation.id}"
