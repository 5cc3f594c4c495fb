"""The services of the canned server that start and follow operations."""

from __future__ import annotations

from typing import Any, cast

import grpc
from google.longrunning import operations_pb2_grpc, operations_proto_pb2
from google.protobuf import duration_pb2, empty_pb2
from tieback.v1 import operation_pb2, operation_pb2_grpc

from support.canned.contents import SPACE
from support.canned.failing import abort, info, status
from support.canned.log import Log


class Operations(operations_pb2_grpc.OperationsServicer, operation_pb2_grpc.OperationServiceServicer):  # type: ignore[misc]  # generated without types
    """Each operation is further whenever it is asked for, and done at the third time.

    One of the collection "new" is in a state and has a result that no version of today knows; one of
    "unlucky" fails. What comes of an upgrade is that of an upgrade.
    """

    STEPS = 3

    def __init__(self, log: Log) -> None:
        self.log = log
        self.asked: dict[str, int] = {}
        self.upgrades: dict[str, Any] = {}  # requests by operation
        self.cancelled: set[str] = set()
        self.results: dict[str, Any] = {}  # of operations of other kinds

    def StartReindex(self, request: Any, context: Any) -> Any:
        self.log.note("StartReindex", context)
        name = f"operations/{request.collection}-{len(self.asked)}"
        self.asked[name] = 0
        return self._told(name)

    def PlanUpgrade(self, request: Any, context: Any) -> Any:
        self.log.note("PlanUpgrade", context)
        name = f"operations/{request.collection}-{len(self.asked)}"
        self.asked[name], self.upgrades[name] = 0, request
        return self._told(name)

    def GetUpgradeReport(self, request: Any, context: Any) -> Any:
        self.log.note("GetUpgradeReport", context)
        return operation_pb2.GetUpgradeReportResponse(page=f"<!doctype html>{request.collection}")

    def started(self, subject: str, result: Any) -> Any:
        """A fit of a head, with what comes of it."""
        name = f"operations/{subject}-{len(self.asked)}"
        self.asked[name], self.results[name] = 0, result
        return self._told(name)

    def GetOperation(self, request: Any, context: Any) -> Any:
        self.log.note("GetOperation", context)
        return self._asked(request.name, context)

    def WaitOperation(self, request: Any, context: Any) -> Any:
        self.log.note("WaitOperation", context)
        return self._asked(request.name, context)

    def ListOperations(self, request: Any, context: Any) -> Any:
        self.log.filters.append(request.filter)
        names = sorted(self.asked)
        begin = int(request.page_token or 0)
        return operations_proto_pb2.ListOperationsResponse(
            operations=[self._told(name) for name in names[begin : begin + 2]],
            next_page_token=str(begin + 2) if begin + 2 < len(names) else "",
        )

    def CancelOperation(self, request: Any, context: Any) -> Any:
        self._asked(request.name, context)
        self.cancelled.add(request.name)
        return empty_pb2.Empty()

    def DeleteOperation(self, request: Any, context: Any) -> Any:
        self._asked(request.name, context)
        del self.asked[request.name]
        return empty_pb2.Empty()

    def _asked(self, name: str, context: Any) -> Any:
        if name not in self.asked:
            abort(context, grpc.StatusCode.NOT_FOUND, "no operation is named so", info("OPERATION_NOT_FOUND"))
        self.asked[name] = min(self.STEPS, self.asked[name] + 1)
        return self._told(name)

    def _told(self, name: str) -> Any:
        subject = name.removeprefix("operations/").rpartition("-")[0]
        done = self.asked[name]
        known = operation_pb2.OperationMetadata(
            kind="plan_upgrade"
            if name in self.upgrades
            else "fit_head"
            if name in self.results
            else "reindex",
            subject=subject,
            state=operation_pb2.OPERATION_STATE_RUNNING,
            done=done,
            total=self.STEPS,
            remaining=duration_pb2.Duration(seconds=self.STEPS - done, nanos=500_000_000),
            trouble="a service is away" if done == 1 else "",
        )
        known.create_time.FromSeconds(1_700_000_000)
        told = operations_proto_pb2.Operation(name=name)
        if name in self.cancelled:
            told.done, known.state = True, operation_pb2.OPERATION_STATE_CANCELLED
            told.error.CopyFrom(status(grpc.StatusCode.CANCELLED, "the operation was cancelled"))
        elif done == self.STEPS:
            told.done, known.state = True, operation_pb2.OPERATION_STATE_SUCCEEDED
            if subject == "unlucky":
                known.state = operation_pb2.OPERATION_STATE_FAILED
                told.error.CopyFrom(status(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", info("STORAGE_FULL")))
            elif subject == "new":
                known.state = cast("operation_pb2.OperationState", 77)
                told.response.Pack(operation_pb2.OperationMetadata())
            elif name in self.results:
                told.response.Pack(self.results[name])
            elif name in self.upgrades:
                told.response.Pack(_upgraded(self.upgrades[name]))
            else:
                failure = operation_pb2.ReindexFailure(
                    id="red", status=status(grpc.StatusCode.INVALID_ARGUMENT, "the original is not kept")
                )
                told.response.Pack(
                    operation_pb2.ReindexResult(
                        total=3, done=2, failures=[failure], failure_count=1, space=SPACE, needed=True
                    )
                )
        told.metadata.Pack(known)
        return told


def _upgraded(request: Any) -> operation_pb2.UpgradePlan:
    half = operation_pb2.RecallAtOne(value=0.5, low=0.25, high=0.75)
    return operation_pb2.UpgradePlan(
        old_space=SPACE,
        new_space=SPACE,
        policy=request.policy,
        artifact="0123456789ab",
        width=request.items,
        trained=80,
        held_out=20,
        left_out=3,
        old_old=half,
        new_old=operation_pb2.RecallAtOne(value=0.4, low=0.2, high=0.6),
        new_new=half,
        native=operation_pb2.RecallAtOne(value=1, low=0.9, high=1),
        encoding_time=duration_pb2.Duration(seconds=90),
        training_time=duration_pb2.Duration(seconds=1, nanos=500_000_000),
        judged=len(request.queries),
        old=_worth(0.5),
        reembedded=_worth(0.6),
        policies=[
            operation_pb2.PolicyWorth(
                policy="affine",
                translated=_worth(0.45),
                led=_worth(0.4),
                retention=_number(0.75),
                refused=True,
                translates_stored=True,
            ),
            operation_pb2.PolicyWorth(policy="oca", led=_worth(0.4), retention=_number(0.7), refused=True),
        ],
        curve=[
            operation_pb2.UpgradePoint(share=0, both=0.5, translated=0.45),
            operation_pb2.UpgradePoint(share=1, both=0.6, translated=0.6),
        ],
        cost=operation_pb2.UpgradeCost(
            sections=1000,
            encoding_time=duration_pb2.Duration(seconds=120),
            translation_time=duration_pb2.Duration(seconds=1),
        ),
        advice=operation_pb2.UPGRADE_ADVICE_REEMBED,
        reason="translation is refused",
        gain=_number(0.1),
        matrix=operation_pb2.CompatibilityMatrix(
            spaces=[SPACE, SPACE],
            cells=[
                operation_pb2.CompatibilityCell(ndcg=_number(0.5)),
                operation_pb2.CompatibilityCell(query=1, ndcg=_number(0.45), policy="affine"),
                operation_pb2.CompatibilityCell(query=1, gallery=1, ndcg=_number(0.6)),
            ],
            average_compatibility=0.0,
            average_accuracy=0.5,
        ),
    )


def _worth(ndcg: float) -> operation_pb2.UpgradeWorth:
    return operation_pb2.UpgradeWorth(ndcg=_number(ndcg), recall=ndcg / 2, kept=_number(1.0))


def _number(value: float) -> operation_pb2.MeasuredNumber:
    return operation_pb2.MeasuredNumber(value=value, low=value - 0.1, high=value + 0.1)
