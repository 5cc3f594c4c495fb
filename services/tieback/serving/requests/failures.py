"""The one table between errors and gRPC statuses, read in both directions.

A row has the status that an error becomes; the details follow from the error's own attributes:
google.rpc.ErrorInfo always, BadRequest for a field, ResourceInfo for something missing, RetryInfo where
coming back later helps. An exception that is not ours becomes INTERNAL with a fixed text; its own is
logged and never leaves the server.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from tieback_contract.field_path import FieldPath

from tieback.core import errors
from tieback.core.alone import FAILED

if TYPE_CHECKING:
    from google.protobuf.message import Message

log = logging.getLogger(__name__)
DOMAIN = "tieback"
DETAILS_KEY = "grpc-status-details-bin"
# A client takes 8 KiB of metadata, where the message stands twice and letters beyond ASCII count threefold.
MESSAGE_BYTES = 1000
NAME_BYTES = 256
CHOICES_BYTES = 800

TABLE: dict[type[errors.TiebackError], grpc.StatusCode] = {
    errors.InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.Overloaded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.EndpointMisconfigured: grpc.StatusCode.FAILED_PRECONDITION,
    errors.StorageFull: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.QuotaExceeded: grpc.StatusCode.RESOURCE_EXHAUSTED,
    errors.Damaged: grpc.StatusCode.FAILED_PRECONDITION,
    errors.StaleCollection: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Unsupported: grpc.StatusCode.UNIMPLEMENTED,
    errors.StartupError: grpc.StatusCode.UNAVAILABLE,
    errors.TiebackError: grpc.StatusCode.INTERNAL,
}

LOST = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)
"""Without details, these are of the transport: a server of ours, which always adds some, was lost."""

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_UNNAMED = error_details_pb2.ResourceInfo(resource_type="resource")
# Of these codes there is one class, which takes a message alone.
_PLAIN = {
    TABLE[kind]: kind
    for kind in (errors.DeadlineExceeded, errors.Unauthenticated, errors.PermissionDenied, errors.Unsupported)
}


def code_of(error: BaseException) -> grpc.StatusCode:
    """The status of the nearest class in the table."""
    for kind in type(error).__mro__:
        if kind in TABLE:
            return TABLE[kind]
    return grpc.StatusCode.INTERNAL


def to_status(error: BaseException) -> status_pb2.Status:
    """The error as google.rpc.Status with its details. What is not ours becomes an opaque INTERNAL."""
    if not isinstance(error, errors.TiebackError):
        return status_pb2.Status(code=grpc.StatusCode.INTERNAL.value[0], message=FAILED)
    status = status_pb2.Status(code=code_of(error).value[0], message=_clipped(error.message))
    for detail in _details(error):
        packed = any_pb2.Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def from_status(status: status_pb2.Status) -> errors.TiebackError:
    """The error that a status of another tieback server stands for."""
    info = _unpack(status, error_details_pb2.ErrorInfo)
    reason = info.reason if info is not None else ""
    retry = _unpack(status, error_details_pb2.RetryInfo)
    delay = retry.retry_delay.seconds + retry.retry_delay.nanos / 1e9 if retry is not None else 1.0
    resource = _unpack(status, error_details_pb2.ResourceInfo) or _UNNAMED
    code = code_by_number(status.code)
    error: errors.TiebackError
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        bad = _unpack(status, error_details_pb2.BadRequest)
        field = bad.field_violations[0].field if bad is not None and bad.field_violations else ""
        kind = errors.SpaceMismatch if reason == errors.SpaceMismatch.reason else errors.InvalidInput
        error = kind(status.message, field=_path(field))
    elif code is grpc.StatusCode.NOT_FOUND:
        error = errors.NotFound(resource.resource_type, resource.resource_name)
        error.message = status.message
        error.choices = json.loads(info.metadata.get("choices", "[]")) if info is not None else []
    elif code is grpc.StatusCode.ALREADY_EXISTS:
        error = errors.AlreadyExists(resource.resource_type, resource.resource_name, status.message)
    elif code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if reason == errors.StorageFull.reason:
            error = errors.StorageFull(status.message)
        elif reason == errors.QuotaExceeded.reason and retry is None:
            error = errors.QuotaExceeded(status.message)
        else:
            rate = reason == errors.RateExceeded.reason
            busy = errors.RateExceeded if rate else errors.Overloaded
            error = busy(status.message, retry_after=delay)
    elif code is grpc.StatusCode.UNAVAILABLE:
        away = reason == errors.EndpointUnavailable.reason
        error = (errors.EndpointUnavailable if away else errors.Unavailable)(
            status.message, retry_after=delay
        )
    elif code is grpc.StatusCode.FAILED_PRECONDITION:
        stale = (errors.StaleCollection, errors.ChangedEndpoint)
        others = (*stale, errors.DamagedSnapshot, errors.EndpointMisconfigured)
        kinds: dict[str, type[errors.TiebackError]] = {kind.reason: kind for kind in others}
        error = kinds.get(reason, errors.Damaged)(status.message)
    elif code in _PLAIN:
        error = _PLAIN[code](status.message)
    else:
        error = errors.TiebackError(FAILED)
    if reason:
        error.reason = reason
    if info is not None and info.metadata.get("hint"):
        error.hint = info.metadata["hint"]
    error.args = (error.message,)
    return error


def from_rpc_error(error: grpc.RpcError) -> errors.TiebackError:
    """The error that a failed call to another tieback server stands for.

    A status without details (the transport's own) keeps its code and loses its text, which names addresses.
    """
    metadata: Iterable[tuple[str, bytes]] = error.trailing_metadata() or ()  # type: ignore[assignment]  # stubs
    for key, value in metadata:
        if key == DETAILS_KEY:
            return from_status(status_pb2.Status.FromString(value))
    plain = {
        grpc.StatusCode.UNAVAILABLE: "a service that this request needs is not there now; try again",
        grpc.StatusCode.DEADLINE_EXCEEDED: "the deadline passed while a service worked on this request",
    }
    code = error.code()
    if code in LOST and code is not grpc.StatusCode.UNAVAILABLE:
        log.warning("a call to another server ended with %s, and no details", code.name)
        code = grpc.StatusCode.UNAVAILABLE
    return from_status(status_pb2.Status(code=code.value[0], message=plain.get(code, FAILED)))


def code_by_number(number: int) -> grpc.StatusCode:
    """The gRPC code of a google.rpc.Status."""
    return _CODES.get(number, grpc.StatusCode.UNKNOWN)


def reason_of(status: status_pb2.Status) -> str:
    """The machine-readable reason in a status, or nothing."""
    info = _unpack(status, error_details_pb2.ErrorInfo)
    return str(info.reason) if info is not None else ""


def trailing(status: status_pb2.Status) -> tuple[tuple[str, bytes], ...]:
    """The trailing metadata that carries a status with details."""
    return ((DETAILS_KEY, status.SerializeToString()),)


def _path(text: str) -> FieldPath:
    """A path as another server wrote it; one in a form that is not known here stays as it is."""
    try:
        return FieldPath.parse(text)
    except ValueError:
        return FieldPath((text,))


def _clipped(text: str, most: int = MESSAGE_BYTES) -> str:
    """The text, or its beginning. An error may quote what the caller sent, and travels as metadata."""
    data = text.encode("utf-8", "replace")
    return data.decode() if len(data) <= most else data[: most - 3].decode("utf-8", "ignore") + "…"


def _listed(names: Iterable[str]) -> str:
    """The first names as a list in JSON, as many as fit."""
    fitting: list[str] = []
    size = 2
    for name in names:
        size += len(json.dumps(name, ensure_ascii=False).encode("utf-8", "replace")) + 2
        if size > CHOICES_BYTES:
            break
        fitting.append(name)
    return json.dumps(fitting, ensure_ascii=False)


def _details(error: errors.TiebackError) -> list[Message]:
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    if error.hint:
        info.metadata["hint"] = _clipped(error.hint, NAME_BYTES)
    if isinstance(error, errors.NotFound) and error.choices:
        info.metadata["choices"] = _listed(error.choices)
    details: list[Message] = [info]
    if isinstance(error, errors.InvalidInput) and error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=_clipped(str(error.field.beginning(NAME_BYTES)), NAME_BYTES),
            description=_clipped(error.message),
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, errors.NotFound | errors.AlreadyExists):
        details.append(
            error_details_pb2.ResourceInfo(
                resource_type=error.kind,
                resource_name=_clipped(error.name, NAME_BYTES),
                description=_clipped(error.message),
            )
        )
    if isinstance(error, errors.Overloaded | errors.Unavailable):
        delay = duration_pb2.Duration()
        delay.FromNanoseconds(int(error.retry_after * 1e9))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return details


def _unpack(status: status_pb2.Status, kind: type[Any]) -> Any:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            found = kind()
            packed.Unpack(found)
            return found
    return None
