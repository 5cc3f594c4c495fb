"""Descriptions of operations: work that runs for minutes or hours, longer than its call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from tieback.v1 import classifier_pb2, operation_pb2
from tieback_contract.heads import Head
from tieback_contract.operations import OperationState
from tieback_contract.shapes import ABSENT, wire

from tieback_client.errors import TiebackError
from tieback_client.transport.codec import CODEC
from tieback_client.transport.status import from_status
from tieback_client.values.upgrades import UpgradePlan, UpgradeResult
from tieback_client.values.writes import ReindexResult

R = TypeVar("R")
"""What comes of an operation of a kind."""

_PREFIX = "operations/"


@dataclass(frozen=True, slots=True)
class OperationStatus(Generic[R]):
    """An operation as it stood when the server was asked."""

    id: str = field(metadata=wire(ABSENT))
    """What it is called."""
    kind: str
    """The kind of work, for instance ``"reindex"``."""
    subject: str
    """What it works on: a collection, or a head."""
    state: OperationState
    """What it is doing."""
    done: int = 0
    """Steps that are done: for a reindex, items; for an upgrade, items, and then 101 more; for a head, 6."""
    total: int = 0
    """All steps; 0 until that is known."""
    remaining: float | None = None
    """Seconds that it still needs at its present rate; None where that is not known."""
    cancelling: bool = False
    """Whether it was asked to cancel and has not ended yet."""
    trouble: str = ""
    """Why it does not go on at present, where it is to be tried again."""
    created: datetime | None = field(default=None, metadata=wire("create_time"))
    """When it was started."""
    begun: datetime | None = field(default=None, metadata=wire("run_time"))
    """When it first ran."""
    ended: datetime | None = field(default=None, metadata=wire("end_time"))
    """When it ended."""
    result: R | None = field(default=None, metadata=wire(ABSENT))
    """What came of it, where it succeeded."""
    error: TiebackError | None = field(default=None, metadata=wire(ABSENT))
    """Why it failed, or that it was cancelled."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state.is_over


def name_of(id: str) -> str:
    """The contract's name for an operation that is given by its id, or by that name."""
    return id if id.startswith(_PREFIX) else _PREFIX + id


def _failures(messages: Any) -> dict[str, TiebackError]:
    return {one.id: from_status(one.status) for one in messages}


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


CODEC.list_converter("tieback.v1.ReindexFailure", _failures)
CODEC.converter("google.protobuf.Duration", _seconds)
_KINDS: tuple[tuple[type, Any], ...] = (
    (ReindexResult, operation_pb2.ReindexResult),
    (UpgradePlan, operation_pb2.UpgradePlan),
    (UpgradeResult, operation_pb2.UpgradeResult),
    (Head, classifier_pb2.Head),
)
_RESULTS: dict[Any, Callable[..., Any]] = {
    message: CODEC.reader(kind, message.DESCRIPTOR) for kind, message in _KINDS
}
_read: Any = CODEC.reader(OperationStatus, operation_pb2.OperationMetadata.DESCRIPTOR)


def read_status(message: Any) -> OperationStatus[Any]:
    """An operation, read from a `google.longrunning.Operation`."""
    known = operation_pb2.OperationMetadata()
    message.metadata.Unpack(known)
    status: OperationStatus[Any] = _read(
        known,
        id=message.name.removeprefix(_PREFIX),
        result=_result(message.response) if message.HasField("response") else None,
        error=from_status(message.error) if message.HasField("error") else None,
    )
    return status if status.state else replace(status, state=_state(message))


def _state(message: Any) -> OperationState:
    """Of a state that a newer server made up, whether the operation is over."""
    if not message.done:
        return OperationState.RUNNING
    return OperationState.FAILED if message.HasField("error") else OperationState.SUCCEEDED


def _result(packed: Any) -> Any:
    """Its result; None for a kind that this version does not know."""
    for kind, read in _RESULTS.items():
        if packed.Unpack(message := kind()):
            return read(message)
    return None
