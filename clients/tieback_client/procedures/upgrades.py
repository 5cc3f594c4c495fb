"""Upgrades: a collection is moved to another space while it is read in both."""

from __future__ import annotations

from tieback.v1 import operation_pb2

from tieback_client import reading, writing
from tieback_client.documents import Collection
from tieback_client.moves import UpgradeResult
from tieback_client.operations import OperationStatus, read_status
from tieback_client.rpc import RPCS, Procedure, UnaryCall
from tieback_client.surface import operated, unary


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
