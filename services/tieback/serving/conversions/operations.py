"""Operations as google.longrunning shows them: each kind's request and result, and the metadata of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import grpc
from google.longrunning import operations_proto_pb2
from google.protobuf import any_pb2, duration_pb2, timestamp_pb2
from google.protobuf.message import Message
from google.rpc import status_pb2
from tieback_contract.heads import Head
from tieback_contract.method_choice import MethodChoice
from tieback_contract.operations import OperationState
from tieback_contract.vectors import SpaceRef

from tieback.classifier.store import head_of
from tieback.core import error_record
from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.heads import HeadRequest
from tieback.core.types.operation import Json, OperationRecord
from tieback.operations.kinds import reindex
from tieback.operations.upgrades.worth import Advice
from tieback.serving.conversions.codec import reading, write_method, writing
from tieback.serving.conversions.frames import Numbers
from tieback.serving.conversions.vectors import write_space
from tieback.serving.requests import failures
from tieback.v1 import classifier_pb2, operation_pb2

PREFIX = "operations/"
_CANCELLED = status_pb2.Status(code=grpc.StatusCode.CANCELLED.value[0], message="the operation was cancelled")
_ADVICES = Numbers(operation_pb2.UpgradeAdvice, Advice, "advice")
_STATES = Numbers(operation_pb2.OperationState, OperationState, "state")


def id_in(name: str) -> str:
    """The id in an operation's name. InvalidInput where it is none."""
    if not name.startswith(PREFIX) or name == PREFIX:
        raise InvalidInput(f"the name of an operation is {PREFIX}ID; this is {name[:80]!r}", field="name")
    return name.removeprefix(PREFIX)


def operation_message(operation: OperationRecord) -> operations_proto_pb2.Operation:
    """An operation as it stands."""
    message = operations_proto_pb2.Operation(
        name=PREFIX + operation.id, metadata=_packed(_metadata(operation)), done=operation.state.is_over
    )
    if operation.state is OperationState.CANCELLED:
        message.error.CopyFrom(_CANCELLED)
    elif operation.error is not None:
        message.error.CopyFrom(failures.to_status(operation.error))
    elif operation.result is not None:
        message.response.CopyFrom(_packed(_RESULTS[operation.kind](operation.result)))
    return message


def _reindex_result(result: Json) -> operation_pb2.ReindexResult:
    end = reindex.read_end(result)
    return operation_pb2.ReindexResult(
        total=end.total,
        done=end.done,
        failures=_failures(end.failures),
        failure_count=end.failure_count,
        finished=end.finished,
        space=write_space(end.space),
        split_sections=end.split_sections,
        added_sections=end.added_sections,
        needed=end.needed,
    )


# The fields of the results of `plan_upgrade` and `upgrade` that are in the message as they are in the record.
_PLANNED = (
    *("artifact", "width", "trained", "held_out", "left_out"),
    *("judged", "old", "reembedded", "policies", "reason", "gain"),
)
_UPGRADED = ("done", "total", "failure_count", "paused", "over", "staying")
_COUNTED = ("sections", "items", "staying_items", "staying_sections")


def _upgrade_plan(result: Json) -> operation_pb2.UpgradePlan:
    cost, matrix = result["cost"], result["matrix"]
    return operation_pb2.UpgradePlan(
        **{name: result[name] for name in _PLANNED},
        **result["recall"],
        **_spaces(result),
        policy=write_method(MethodChoice(result["policy"], result["parameters"])),
        encoding_time=_duration(result["seconds"]["encoding"]),
        training_time=_duration(result["seconds"]["training"]),
        curve=[
            operation_pb2.UpgradePoint(share=share, both=both, translated=translated)
            for share, both, translated in result["curve"]
        ],
        cost=operation_pb2.UpgradeCost(
            **{name: cost[name] for name in _COUNTED},
            encoding_time=_duration(cost["encoding"]),
            translation_time=_duration(cost["translation"]),
        ),
        advice=_ADVICES.write(Advice(result["advice"])),
        matrix=operation_pb2.CompatibilityMatrix(
            **{**matrix, "spaces": [write_space(SpaceRef(*one)) for one in matrix["spaces"]]}
        ),
    )


def _spaces(result: Json) -> dict[str, Any]:
    return {name: write_space(SpaceRef(*result[name])) for name in ("old_space", "new_space")}


def _upgrade_result(result: Json) -> operation_pb2.UpgradeResult:
    failed = {name: error_record.read_error(error) for name, error in result["failures"].items()}
    told = {name: result[name] for name in _UPGRADED}
    return operation_pb2.UpgradeResult(**told, **_spaces(result), failures=_failures(failed))


def _failures(failed: Mapping[str, TiebackError]) -> list[operation_pb2.ReindexFailure]:
    return [
        operation_pb2.ReindexFailure(id=name, status=failures.to_status(error))
        for name, error in failed.items()
    ]


head_request = reading(HeadRequest, classifier_pb2.FitHeadRequest)
head_message = writing(Head, classifier_pb2.Head)


# By kind, the message of its result. A kind is a file of `tieback.operations.kinds` and a line here.
_RESULTS: Mapping[str, Callable[[Json], Message]] = {
    "fit_head": lambda result: head_message(head_of(result)),
    "reindex": _reindex_result,
    "plan_upgrade": _upgrade_plan,
    "upgrade": _upgrade_result,
}


def _metadata(operation: OperationRecord) -> operation_pb2.OperationMetadata:
    return operation_pb2.OperationMetadata(
        kind=operation.kind,
        subject=operation.subject,
        state=_STATES.write(operation.state),
        done=operation.done,
        total=operation.total,
        remaining=None if operation.remaining is None else _duration(operation.remaining),
        cancelling=operation.cancelling,
        trouble=operation.trouble,
        create_time=_moment(operation.created),
        run_time=None if operation.begun is None else _moment(operation.begun),
        end_time=None if operation.ended is None else _moment(operation.ended),
    )


def _packed(message: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message)
    return packed


def _duration(seconds: float) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromNanoseconds(int(seconds * 1e9))
    return made


def _moment(seconds: float) -> timestamp_pb2.Timestamp:
    made = timestamp_pb2.Timestamp()
    made.FromNanoseconds(int(seconds * 1e9))
    return made
