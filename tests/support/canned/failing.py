"""How the canned server's calls fail: as those of tieback's servers do."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2


def abort(context: Any, code: grpc.StatusCode, message: str, *details: Message) -> None:
    """Ends a call as tieback's servers do."""
    request_id = dict(context.invocation_metadata()).get("x-request-id", "")
    packed = status(code, message, *details).SerializeToString()
    context.set_trailing_metadata((("grpc-status-details-bin", packed), ("x-request-id", request_id)))
    context.abort(code, message)


def status(code: grpc.StatusCode, message: str, *details: Message) -> status_pb2.Status:
    made = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        made.details.append(packed)
    return made


def info(reason: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="tieback")


def retry_after(seconds: float) -> error_details_pb2.RetryInfo:
    delay = duration_pb2.Duration()
    delay.FromNanoseconds(int(seconds * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def bad_field(field: str, message: str) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
    return error_details_pb2.BadRequest(field_violations=[violation])
