"""From what a server sends to an error of the tree, in one table.

A failed call carries a `google.rpc.Status` in its trailing metadata, a failed item of a batch carries one in
the response; both are read here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from tieback_client import errors
from tieback_client.errors import Details, FieldViolation, Resource, TiebackError

DETAILS_KEY = "grpc-status-details-bin"
REQUEST_ID_KEY = "x-request-id"

TENANT_QUOTA = "TENANT_QUOTA"
"""A tenant's own limit: of a rate, with the time to wait, or of what it may store."""

BY_CODE: Mapping[str, type[TiebackError]] = {
    "INVALID_ARGUMENT": errors.InvalidArgument,
    "OUT_OF_RANGE": errors.InvalidArgument,
    "NOT_FOUND": errors.NotFound,
    "ALREADY_EXISTS": errors.AlreadyExists,
    "UNAUTHENTICATED": errors.Unauthenticated,
    "PERMISSION_DENIED": errors.PermissionDenied,
    "RESOURCE_EXHAUSTED": errors.ResourceExhausted,
    "FAILED_PRECONDITION": errors.FailedPrecondition,
    "DEADLINE_EXCEEDED": errors.DeadlineExceeded,
    "UNAVAILABLE": errors.Unavailable,
    "CANCELLED": errors.Cancelled,
    "UNIMPLEMENTED": errors.Unimplemented,
    "INTERNAL": errors.InternalError,
    "UNKNOWN": errors.InternalError,
    "DATA_LOSS": errors.InternalError,
}
BY_REASON: Mapping[str, type[TiebackError]] = {
    "SPACE_MISMATCH": errors.SpaceMismatch,
    "OVERLOADED": errors.Overloaded,
    "STORAGE_FULL": errors.StorageFull,
    TENANT_QUOTA: errors.QuotaExceeded,
}

# What gRPC says of a call that a server had not begun when it ended. For what is given up on this side it has
# other words.
_BY_THE_SERVER = "CANCELLED"

# What gRPC says of a call that the server does not have, and what is said instead.
_NO_METHOD = "Method not found!"
_NOT_SERVED = (
    "the server has no such call: it keeps no collections, serves no model for it, or is of another release"
)

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def from_rpc_error(error: Any) -> TiebackError:
    """The error for a failed call; `error` is what `grpc` or `grpc.aio` raised."""
    metadata = [*(error.initial_metadata() or ()), *(error.trailing_metadata() or ())]
    status = _status_in(metadata)
    if status is None:
        code, message = error.code(), error.details() or ""
        if code is grpc.StatusCode.CANCELLED and message in ("", _BY_THE_SERVER):
            code, message = grpc.StatusCode.UNAVAILABLE, ""
        elif code is grpc.StatusCode.UNIMPLEMENTED and message == _NO_METHOD:
            message = _NOT_SERVED
        status = status_pb2.Status(code=code.value[0], message=message)
    known = readable(metadata)
    return from_status(status, metadata=known)


def from_status(status: status_pb2.Status, *, metadata: Mapping[str, str] | None = None) -> TiebackError:
    """The error for a status, of a call or of one item of a batch."""
    metadata = metadata or {}
    details = Details(
        code=_NAMES.get(status.code, "UNKNOWN"),
        request_id=metadata.get(REQUEST_ID_KEY, ""),
        metadata=metadata,
    )
    for packed in status.details:
        details = _with(details, packed)
    return _class_for(details)(status.message or details.code, details)


def readable(metadata: Iterable[tuple[str, str | bytes]] | None) -> dict[str, str]:
    """Metadata as a dictionary of texts; binary values are left out, the last of equal keys stays."""
    return {key: value for key, value in metadata or () if isinstance(value, str)}


def _status_in(metadata: Iterable[tuple[str, str | bytes]]) -> status_pb2.Status | None:
    for key, value in metadata:
        if key == DETAILS_KEY and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:  # not ours; the plain code and message are still good
                return None
    return None


def _with(details: Details, packed: Any) -> Details:
    """The details with one packed google.rpc message read into them; what is unknown is passed over."""
    info = error_details_pb2.ErrorInfo()
    if packed.Unpack(info):
        hint = info.metadata.get("hint", details.hint)
        return replace(
            details, reason=info.reason, hint=hint, choices=_names(info.metadata.get("choices", ""))
        )
    retry = error_details_pb2.RetryInfo()
    if packed.Unpack(retry):
        delay = retry.retry_delay
        return replace(details, retry_delay=delay.seconds + delay.nanos / 1e9)
    bad = error_details_pb2.BadRequest()
    if packed.Unpack(bad):
        found = tuple(FieldViolation(one.field, one.description) for one in bad.field_violations)
        return replace(details, violations=(*details.violations, *found))
    resource = error_details_pb2.ResourceInfo()
    if packed.Unpack(resource):
        return replace(details, resource=Resource(resource.resource_type, resource.resource_name))
    request = error_details_pb2.RequestInfo()
    if packed.Unpack(request):
        return replace(details, request_id=request.request_id or details.request_id)
    advice = error_details_pb2.Help()
    if packed.Unpack(advice) and advice.links:
        return replace(details, hint=advice.links[0].description or details.hint)
    return details


def _names(listed: str) -> tuple[str, ...]:
    """The names of a list in JSON; none of anything else."""
    try:
        found = json.loads(listed) if listed else []
    except ValueError:
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _class_for(details: Details) -> type[TiebackError]:
    general = BY_CODE.get(details.code, TiebackError)
    special = BY_REASON.get(details.reason)
    if details.reason == TENANT_QUOTA and details.retry_delay is not None:
        special = errors.RateExceeded
    if special is not None and issubclass(special, general):
        return special
    if general is errors.ResourceExhausted and details.retry_delay is not None:
        return errors.Overloaded  # an error with a delay for retries is an overload, whatever its name
    return general
