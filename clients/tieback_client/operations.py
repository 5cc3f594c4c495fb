"""What the server says of operations: work that runs for minutes or hours, and outlives its call."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tieback.v1 import operation_pb2

from tieback_client import reading
from tieback_client.errors import TiebackError
from tieback_client.status import from_status
from tieback_client.writes import ReindexResult

_PREFIX = "operations/"


class OperationState(enum.StrEnum):
    """What an operation is doing."""

    WAITING = "waiting"
    """It waits for others to end."""
    RUNNING = "running"
    """It runs, or is tried again."""
    SUCCEEDED = "succeeded"
    """It ended, and has a result."""
    FAILED = "failed"
    """It ended, and has an error."""
    CANCELLED = "cancelled"
    """It ended because that was asked for."""


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """An operation as it stood when the server was asked."""

    id: str
    """What it is called."""
    kind: str
    """The kind of work, for instance ``"reindex"``."""
    subject: str
    """What it works on, for instance a collection."""
    state: OperationState
    """What it is doing."""
    done: int = 0
    """Steps that are done: for a reindex, items."""
    total: int = 0
    """All steps; 0 until that is known."""
    remaining: float | None = None
    """Seconds that it still needs at its present rate; None where that is not known."""
    cancelling: bool = False
    """Whether it was asked to cancel and has not ended yet."""
    trouble: str = ""
    """Why it does not go on at present, where it is to be tried again."""
    created: datetime | None = None
    """When it was started."""
    begun: datetime | None = None
    """When it first ran."""
    ended: datetime | None = None
    """When it ended."""
    result: ReindexResult | None = None
    """What came of it, where it succeeded."""
    error: TiebackError | None = None
    """Why it failed, or that it was cancelled."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state not in (OperationState.WAITING, OperationState.RUNNING)


_STATES: tuple[OperationState | None, ...] = (
    None,
    *OperationState,
)  # in the order of the contract's enum, whose zero is "not said"


def name_of(id: str) -> str:
    """The contract's name for an operation that is given by its id, or by that name."""
    return id if id.startswith(_PREFIX) else _PREFIX + id


def read_status(message: Any) -> OperationStatus:
    """An operation as a `google.longrunning.Operation` tells of it."""
    known = operation_pb2.OperationMetadata()
    message.metadata.Unpack(known)
    seconds = known.remaining.seconds + known.remaining.nanos / 1e9
    return OperationStatus(
        id=message.name.removeprefix(_PREFIX),
        kind=known.kind,
        subject=known.subject,
        state=_state(message, known.state),
        done=known.done,
        total=known.total,
        remaining=seconds if known.HasField("remaining") else None,
        cancelling=known.cancelling,
        trouble=known.trouble,
        created=_moment(known, "create_time"),
        begun=_moment(known, "run_time"),
        ended=_moment(known, "end_time"),
        result=_result(message.response) if message.HasField("response") else None,
        error=from_status(message.error) if message.HasField("error") else None,
    )


def _state(message: Any, number: int) -> OperationState:
    """What an operation is doing; of a state that a newer server made up, whether it is over."""
    known: OperationState | None = _STATES[number] if number < len(_STATES) else None
    if known is not None:
        return known
    if not message.done:
        return OperationState.RUNNING
    return OperationState.FAILED if message.HasField("error") else OperationState.SUCCEEDED


def _result(packed: Any) -> ReindexResult | None:
    message = operation_pb2.ReindexResult()
    if not packed.Unpack(message):
        return None
    return ReindexResult(
        space=reading.space_ref(message.space),
        total=message.total,
        done=message.done,
        finished=message.finished,
        needed=message.needed,
        failures={one.id: from_status(one.status) for one in message.failures},
        failure_count=message.failure_count,
        split_sections=message.split_sections,
        added_sections=message.added_sections,
    )


def _moment(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(UTC) if message.HasField(field) else None
