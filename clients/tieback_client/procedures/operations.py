"""Operations: work that runs for minutes or hours. What starts one stands here too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.longrunning import operations_proto_pb2
from google.protobuf import duration_pb2
from tieback.v1 import operation_pb2
from tieback_contract.field_path import at
from tieback_contract.operations import JudgedQuery

from tieback_client.messages import reading, writing
from tieback_client.transport.paging import Page, Pages
from tieback_client.transport.rpc import RPCS, Procedure, UnaryCall
from tieback_client.transport.surface import operated, pages, unary
from tieback_client.values.documents import Collection
from tieback_client.values.events import MethodLike
from tieback_client.values.operations import OperationStatus, name_of, read_status
from tieback_client.values.upgrades import UpgradePlan, UpgradeResult
from tieback_client.values.writes import ReindexResult

_ANSWER_SECONDS = 30.0
"""Of a call that waits: for the answer, beyond the wait."""


def reindex(
    collection: str, *, space: str = "", drop_missing: bool = False, timeout: float | None = None
) -> Procedure[OperationStatus[ReindexResult]]:
    """Starts to encode a collection's items again, from their texts and the originals that the server kept.

    It is then in `space`: by default the served revision of its own, else the server's default. Meanwhile the
    collection is read and written as before; at the end it changes at once. Where items cannot be encoded
    again, nothing changes and the result lists them, unless `drop_missing` drops them. The operation goes on
    when this program ends, and when the server is started again. Where an equal one is under way, that is
    returned; `AlreadyExists` where another one is.
    """
    request = operation_pb2.StartReindexRequest(
        collection=collection, space=writing.text(space, "space"), drop_missing=drop_missing
    )
    reply = yield UnaryCall(RPCS["StartReindex"], request, timeout)
    return read_status(reply.message)


def plan_upgrade(
    collection: str,
    *,
    space: str = "",
    policy: MethodLike | None = None,
    labels: str = "",
    items: int = 0,
    queries: Sequence[JudgedQuery] = (),
    floor: float = 0.0,
    earlier: Sequence[str] = (),
    timeout: float | None = None,
) -> Procedure[OperationStatus[UpgradePlan]]:
    """Starts to measure what moving a collection to another space is worth, what it costs, and by which way.

    `space` is the one that is to take the place of the collection's own; by default the served revision of
    its own. `policy` is a method of the family "compatibility", for instance ``"affine"`` or ``("oca",
    {"extra": 64})``; without one, those are compared that need no training. Of at most `items` items of
    the collection, by default 2000, each policy learns and is measured on what it has not learned from.
    `queries` are judged queries that searches are tried by; without them halves of texts ask for the items
    that share most words with the text, which says less of how good searches will be, and leaves out texts
    of fewer than eight words. A translation that keeps less than `floor` of re-embedded nDCG, by default 0.8,
    is refused. `earlier` are served spaces that the collection was in before, the first one first, for the
    compatibility matrix. `labels` names the field of the items' metadata that has their class; without it,
    texts are compared by their halves. The collection stays as it is. The operation goes on when this program
    ends, and when the server is started again. Where an equal one is under way, that is returned;
    `AlreadyExists` where another one is.
    """
    request = operation_pb2.PlanUpgradeRequest(
        collection=collection,
        space=writing.text(space, "space"),
        policy=writing.method(policy, at("policy")),
        labels=writing.text(labels, "labels"),
        items=items,
        queries=[operation_pb2.JudgedQuery(text=one.text, grades=dict(one.grades)) for one in queries],
        floor=floor,
        earlier=[writing.text(one, at("earlier")[place]) for place, one in enumerate(earlier)],
    )
    reply = yield UnaryCall(RPCS["PlanUpgrade"], request, timeout)
    return read_status(reply.message)


def operation(id: str, *, timeout: float | None = None) -> Procedure[OperationStatus[Any]]:
    """An operation of this tenant. `NotFound` where there is none of that id, or none any more."""
    request = operations_proto_pb2.GetOperationRequest(name=name_of(id))
    reply = yield UnaryCall(RPCS["GetOperation"], request, timeout)
    return read_status(reply.message)


def operations(
    *, filter: str = "", page_size: int = 0, timeout: float | None = None
) -> Pages[OperationStatus[Any]]:
    """All operations of this tenant that are kept, the newest first, page after page as they are read.

    `filter` compares `done`, `kind` and `collection`: ``'kind = "reindex" AND NOT done'``;
    docs/operations.md#work-of-minutes-or-hours has examples. `InvalidArgument` for another field.
    """

    def fetch(token: str) -> Procedure[Page[OperationStatus[Any]]]:
        request = operations_proto_pb2.ListOperationsRequest(
            name="operations",
            filter=writing.text(filter, "filter"),
            page_size=page_size,
            page_token=token,
        )
        reply = yield UnaryCall(RPCS["ListOperations"], request, timeout)
        found = [read_status(one) for one in reply.message.operations]
        return Page(found, reply.message.next_page_token)

    return Pages(fetch)


def wait_operation(id: str, *, seconds: float = 30.0) -> Procedure[OperationStatus[Any]]:
    """An operation once it has ended, or as it stands after so many seconds, or earlier."""
    wait = duration_pb2.Duration()
    wait.FromNanoseconds(int(max(0.0, seconds) * 1e9))
    request = operations_proto_pb2.WaitOperationRequest(name=name_of(id), timeout=wait)
    reply = yield UnaryCall(RPCS["WaitOperation"], request, seconds + _ANSWER_SECONDS)
    return read_status(reply.message)


def cancel_operation(id: str, *, timeout: float | None = None) -> Procedure[None]:
    """Asks an operation to end. One that has ended stays as it is."""
    request = operations_proto_pb2.CancelOperationRequest(name=name_of(id))
    yield UnaryCall(RPCS["CancelOperation"], request, timeout)


def delete_operation(id: str, *, timeout: float | None = None) -> Procedure[None]:
    """Has the server forget an operation that has ended. `InvalidArgument` where it has not."""
    request = operations_proto_pb2.DeleteOperationRequest(name=name_of(id))
    yield UnaryCall(RPCS["DeleteOperation"], request, timeout)


class OperationsMethods:
    """The methods of both clients."""

    reindex = operated(reindex)
    plan_upgrade = operated(plan_upgrade)
    operation = operated(operation)
    operations = pages(operations)
    wait_operation = unary(wait_operation)
    cancel_operation = unary(cancel_operation)
    delete_operation = unary(delete_operation)


def upgrade(
    collection: str, *, space: str = "", least_trust: float | None = None, timeout: float | None = None
) -> Procedure[OperationStatus[UpgradeResult]]:
    """Starts to move a collection to another space, by default the served revision of its own.

    It is read in both meanwhile: a section is compared in the space that it is in, and the scores are brought
    to one scale. Sections get their new vectors in the order of their use. The operation ends when all have
    them; then `finish_upgrade` drops the old vectors, or `rollback_upgrade` the new ones. Where the old
    encoder is gone, old vectors are read by the transform that `plan_upgrade` learned: `FailedPrecondition`
    where there is none or its trust is below `least_trust`, by default 0.8.
    """
    request = operation_pb2.StartUpgradeRequest(
        collection=collection, space=writing.text(space, "space"), least_trust=least_trust
    )
    reply = yield UnaryCall(RPCS["StartUpgrade"], request, timeout)
    return read_status(reply.message)


def pause_upgrade(collection: str, *, timeout: float | None = None) -> Procedure[Collection]:
    """Has an upgrade encode no more, for now. The collection stays between the two spaces."""
    request = operation_pb2.PauseUpgradeRequest(collection=collection)
    reply = yield UnaryCall(RPCS["PauseUpgrade"], request, timeout)
    return reading.collection(reply.message.collection)


def resume_upgrade(
    collection: str, *, timeout: float | None = None
) -> Procedure[OperationStatus[UpgradeResult]]:
    """Goes on with an upgrade, by another operation or the one under way."""
    request = operation_pb2.ResumeUpgradeRequest(collection=collection)
    reply = yield UnaryCall(RPCS["ResumeUpgrade"], request, timeout)
    return read_status(reply.message)


def rollback_upgrade(collection: str, *, timeout: float | None = None) -> Procedure[Collection]:
    """Drops what an upgrade made: the collection is in its old space, with all that was written meanwhile."""
    request = operation_pb2.RollbackUpgradeRequest(collection=collection)
    reply = yield UnaryCall(RPCS["RollbackUpgrade"], request, timeout)
    return reading.collection(reply.message.collection)


def upgrade_report(collection: str, *, timeout: float | None = None) -> Procedure[str]:
    """A page about an upgrade, as HTML that loads nothing: its newest plan, and how far it is.

    `NotFound` where the collection has no plan and is in one space.
    """
    request = operation_pb2.GetUpgradeReportRequest(collection=collection)
    reply = yield UnaryCall(RPCS["GetUpgradeReport"], request, timeout)
    return str(reply.message.page)


def finish_upgrade(
    collection: str, *, drop_missing: bool = False, timeout: float | None = None
) -> Procedure[Collection]:
    """Drops the old vectors: the collection is in the new space, and cannot go back.

    `InvalidArgument` where items have no new vectors, unless `drop_missing` drops these items.
    """
    request = operation_pb2.FinishUpgradeRequest(collection=collection, drop_missing=drop_missing)
    reply = yield UnaryCall(RPCS["FinishUpgrade"], request, timeout)
    return reading.collection(reply.message.collection)


class UpgradesMethods:
    """The methods of both clients."""

    upgrade = operated(upgrade)
    pause_upgrade = unary(pause_upgrade)
    resume_upgrade = operated(resume_upgrade)
    rollback_upgrade = unary(rollback_upgrade)
    upgrade_report = unary(upgrade_report)
    finish_upgrade = unary(finish_upgrade)
