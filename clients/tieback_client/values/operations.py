"""Descriptions of operations: work that runs for minutes or hours, longer than its call."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from google.protobuf.json_format import MessageToDict
from tieback.v1 import classifier_pb2, operation_pb2
from tieback_contract.heads import Head
from tieback_contract.operations import OperationState

from tieback_client.errors import TiebackError
from tieback_client.messages import reading
from tieback_client.transport.status import from_status
from tieback_client.values.upgrades import (
    CompatibilityCell,
    CompatibilityMatrix,
    MeasuredNumber,
    PolicyWorth,
    Recall,
    UpgradeAdvice,
    UpgradePlan,
    UpgradePoint,
    UpgradeResult,
    UpgradeWorth,
)
from tieback_client.values.writes import ReindexResult

R = TypeVar("R")
"""What comes of an operation of a kind."""

_PREFIX = "operations/"


@dataclass(frozen=True, slots=True)
class OperationStatus(Generic[R]):
    """An operation as it stood when the server was asked."""

    id: str
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
    created: datetime | None = None
    """When it was started."""
    begun: datetime | None = None
    """When it first ran."""
    ended: datetime | None = None
    """When it ended."""
    result: R | None = None
    """What came of it, where it succeeded."""
    error: TiebackError | None = None
    """Why it failed, or that it was cancelled."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state.is_over


_STATES: tuple[OperationState | None, ...] = (
    None,
    *OperationState,
)  # in the order of the contract's enum, whose zero is "not given"


_ADVICES = dict(enumerate(UpgradeAdvice, 1))  # in the order of the contract's enum


def name_of(id: str) -> str:
    """The contract's name for an operation that is given by its id, or by that name."""
    return id if id.startswith(_PREFIX) else _PREFIX + id


def read_status(message: Any) -> OperationStatus[Any]:
    """An operation, read from a `google.longrunning.Operation`."""
    known = operation_pb2.OperationMetadata()
    message.metadata.Unpack(known)
    return OperationStatus(
        id=message.name.removeprefix(_PREFIX),
        kind=known.kind,
        subject=known.subject,
        state=_state(message, known.state),
        done=known.done,
        total=known.total,
        remaining=_seconds(known.remaining) if known.HasField("remaining") else None,
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


def _result(packed: Any) -> ReindexResult | UpgradePlan | UpgradeResult | Head | None:
    """Its result; None for a kind that this version does not know."""
    reindexed, upgraded = operation_pb2.ReindexResult(), operation_pb2.UpgradePlan()
    head, moved = classifier_pb2.Head(), operation_pb2.UpgradeResult()
    if packed.Unpack(reindexed):
        return _reindex_result(reindexed)
    if packed.Unpack(upgraded):
        return _upgrade_plan(upgraded)
    if packed.Unpack(moved):
        return _upgrade_result(moved)
    return reading.head(head) if packed.Unpack(head) else None


def _reindex_result(message: Any) -> ReindexResult:
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


def _upgrade_result(message: Any) -> UpgradeResult:
    return UpgradeResult(
        old_space=reading.space_ref(message.old_space),
        new_space=reading.space_ref(message.new_space),
        done=message.done,
        total=message.total,
        failures={one.id: from_status(one.status) for one in message.failures},
        failure_count=message.failure_count,
        paused=message.paused,
        over=message.over,
        staying=message.staying,
    )


def _upgrade_plan(message: Any) -> UpgradePlan:
    def recall(measured: Any) -> Recall:
        return Recall(measured.value, measured.low, measured.high)

    return UpgradePlan(
        old_space=reading.space_ref(message.old_space),
        new_space=reading.space_ref(message.new_space),
        policy=message.policy.name,
        parameters=MessageToDict(message.policy.parameters),
        artifact=message.artifact,
        width=message.width,
        trained=message.trained,
        held_out=message.held_out,
        left_out=message.left_out,
        old_old=recall(message.old_old),
        new_old=recall(message.new_old),
        new_new=recall(message.new_new),
        native=recall(message.native),
        encoding_seconds=_seconds(message.encoding_time),
        training_seconds=_seconds(message.training_time),
        judged=message.judged,
        old=_worth(message.old),
        reembedded=_worth(message.reembedded),
        policies=[
            PolicyWorth(
                one.policy,
                _worth(one.translated) if one.HasField("translated") else None,
                _worth(one.led),
                _measured(one.retention),
                one.refused,
                one.translates_stored,
            )
            for one in message.policies
        ],
        curve=[UpgradePoint(one.share, one.both, one.translated) for one in message.curve],
        sections=message.cost.sections,
        encode_all_seconds=_seconds(message.cost.encoding_time),
        translate_all_seconds=_seconds(message.cost.translation_time),
        items=message.cost.items,
        staying_items=message.cost.staying_items,
        staying_sections=message.cost.staying_sections,
        advice=_ADVICES.get(message.advice),
        reason=message.reason,
        gain=_measured(message.gain),
        matrix=CompatibilityMatrix(
            spaces=[reading.space_ref(one) for one in message.matrix.spaces],
            cells=[
                CompatibilityCell(one.query, one.gallery, _measured(one.ndcg), one.policy)
                for one in message.matrix.cells
            ],
            average_compatibility=message.matrix.average_compatibility,
            average_accuracy=message.matrix.average_accuracy,
        ),
    )


def _worth(message: Any) -> UpgradeWorth:
    return UpgradeWorth(_measured(message.ndcg), message.recall, _measured(message.kept))


def _measured(message: Any) -> MeasuredNumber:
    return MeasuredNumber(message.value, message.low, message.high)


def _seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def _moment(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(UTC) if message.HasField(field) else None
