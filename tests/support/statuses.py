"""Reads what a failed call carries."""

from __future__ import annotations

from typing import Any

import grpc
from google.rpc import error_details_pb2, status_pb2
from tieback_contract.field_path import FieldPath

KINDS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.ResourceInfo,
    error_details_pb2.RetryInfo,
)


def trailing(ended: grpc.RpcError | grpc.Call) -> dict[str, Any]:
    """The trailing metadata of a call."""
    metadata: Any = ended.trailing_metadata() or ()
    return dict(metadata)


class Failure:
    """A status with its details, by short names."""

    def __init__(self, status: status_pb2.Status) -> None:
        self.code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        self.message = status.message
        self._details: dict[type[Any], Any] = {}
        for packed in status.details:
            for kind in KINDS:
                if packed.Is(kind.DESCRIPTOR):
                    self._details[kind] = kind.FromString(packed.value)
        # Every failure that a test looks at says its place in the contract's form.
        assert str(FieldPath.parse(self.field)) == self.field

    @classmethod
    def of(cls, error: grpc.RpcError) -> Failure:
        details = trailing(error).get("grpc-status-details-bin")
        if details is not None:
            return cls(status_pb2.Status.FromString(details))
        return cls(status_pb2.Status(code=error.code().value[0], message=error.details() or ""))

    @property
    def reason(self) -> str:
        info = self._details.get(error_details_pb2.ErrorInfo)
        return info.reason if info is not None else ""

    @property
    def field(self) -> str:
        bad = self._details.get(error_details_pb2.BadRequest)
        return bad.field_violations[0].field if bad is not None else ""

    @property
    def resource(self) -> tuple[str, str]:
        found = self._details.get(error_details_pb2.ResourceInfo)
        return (found.resource_type, found.resource_name) if found is not None else ("", "")

    @property
    def retry_seconds(self) -> float | None:
        retry = self._details.get(error_details_pb2.RetryInfo)
        return retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry is not None else None
