"""From an error of the platform to HTTP: the status, the headers, and a body in OpenAI's shape.

`code` of the body is the platform's reason (docs/security.md and the contract list them), `param` the field,
by the name that it has in the request of this door.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from tieback_client import InvalidArgument, TiebackError

Fields = Mapping[str, str]
"""The names of fields at this door, by the beginnings of their paths in calls of the platform."""

STATUSES: Mapping[str, tuple[int, str]] = {
    "INVALID_ARGUMENT": (400, "invalid_request_error"),
    "OUT_OF_RANGE": (400, "invalid_request_error"),
    "FAILED_PRECONDITION": (400, "invalid_request_error"),
    "UNAUTHENTICATED": (401, "authentication_error"),
    "PERMISSION_DENIED": (403, "permission_error"),
    "NOT_FOUND": (404, "not_found_error"),
    "ALREADY_EXISTS": (409, "conflict_error"),
    "RESOURCE_EXHAUSTED": (429, "rate_limit_error"),
    "CANCELLED": (503, "service_unavailable_error"),
    "UNIMPLEMENTED": (501, "not_supported_error"),
    "UNAVAILABLE": (503, "service_unavailable_error"),
    "DEADLINE_EXCEEDED": (504, "timeout_error"),
}
"""The status and the type of an error, by its code; every other is a fault of the server."""
FAULT = (500, "server_error")
BY_STATUS = dict(STATUSES.values()) | {
    405: "invalid_request_error",
    408: "timeout_error",
    413: "invalid_request_error",
    415: "invalid_request_error",
    421: "invalid_request_error",
    431: "invalid_request_error",
}
RETRY_SECONDS = 1.0
"""When to come back where the platform gave no time: it is not reached, or is ending."""

# What the SDK says of calls that no server answered is for those who start servers, and names addresses.
_TEXTS = {
    503: ("PLATFORM_UNAVAILABLE", "the platform does not answer now; try again"),
    504: ("DEADLINE_EXCEEDED", "there was no answer in the time that the request had"),
    500: ("INTERNAL", "an internal error; the server's log has it under this request id"),
}
_HINTS = {401: "send the header Authorization: Bearer TOKEN"}
_PLACE = re.compile(r"(\[\d+\])?(?:[.\[].*)?")


class Refused(Exception):  # noqa: N818 - it is what the door itself answers, before the platform is asked
    """The door refuses a request. `close` ends the connection, of which something may be unread."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        hint: str = "",
        retry: float | None = None,
        close: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.hint, self.retry, self.close = hint, retry, close


def response(error: BaseException, request_id: str, fields: Fields) -> JSONResponse:
    """The answer to a request that failed. Of what is not ours, the text does not leave the server."""
    if isinstance(error, TiebackError):
        return _of_platform(error, request_id, fields)
    if isinstance(error, Refused):
        headers = {"connection": "close"} if error.close else {}
        return _made(
            error.status, error.reason, error.message, request_id, error.hint, retry=error.retry, more=headers
        )
    if isinstance(error, HTTPException):
        reason = {404: "NO_SUCH_PATH", 405: "METHOD_NOT_ALLOWED"}.get(error.status_code, "HTTP")
        texts = {404: "there is no such path; docs/apis.md lists them", 405: "the path takes other methods"}
        text = texts.get(error.status_code, str(error.detail))
        return _made(error.status_code, reason, text, request_id, more=error.headers)
    return _made(500, *_TEXTS[500], request_id)


def body(
    status: int,
    reason: str,
    message: str,
    request_id: str,
    hint: str = "",
    param: str | None = None,
    choices: Sequence[str] = (),
) -> dict[str, Any]:
    """The body in OpenAI's shape, with what clients of the platform know beside it."""
    told = f"{message}; {hint}" if hint not in message else message
    more = {"choices": list(choices)} if choices else {}
    return {
        "error": {
            "message": told,
            "type": BY_STATUS.get(status, FAULT[1]),
            "param": param,
            "code": reason or None,
            "request_id": request_id,
            **more,
        },
        "message": told,  # where Cohere's clients look
    }


def translated(path: str, fields: Fields) -> str:
    """A field's path by the names of this door: the longest known beginning, and a place in a list."""
    for known in sorted(fields, key=len, reverse=True):
        rest = path[len(known) :] if path.startswith(known) else None
        if rest is not None and (found := _PLACE.fullmatch(rest)):
            name = fields[known]
            return name if name.endswith("]") else name + (found[1] or "")
    return path


def told(error: TiebackError, fields: Fields) -> tuple[int, dict[str, Any]]:
    """The status and the body for an error of the platform."""
    status, _ = STATUSES.get(error.code, FAULT)
    reason, message, hint = error.reason, error.message, _HINTS.get(status, error.hint)
    if not reason and status in _TEXTS:
        (reason, message), hint = _TEXTS[status], ""
    param = error.field if isinstance(error, InvalidArgument) else ""
    return status, body(
        status,
        reason or error.code,
        message,
        error.request_id,
        hint,
        translated(param, fields) or None,
        error.choices,
    )


def _of_platform(error: TiebackError, request_id: str, fields: Fields) -> JSONResponse:
    status, content = told(error, fields)
    content["error"]["request_id"] = request_id
    retry = error.retry_delay
    if retry is None and status == 503:
        retry = RETRY_SECONDS
    return JSONResponse(content, status, headers=_headers(status, request_id, retry))


def _made(
    status: int,
    reason: str,
    message: str,
    request_id: str,
    hint: str = "",
    *,
    retry: float | None = None,
    more: Mapping[str, str] | None = None,
) -> JSONResponse:
    headers = _headers(status, request_id, retry) | dict(more or {})
    return JSONResponse(body(status, reason, message, request_id, hint), status, headers=headers)


def _headers(status: int, request_id: str, retry: float | None) -> dict[str, str]:
    headers = {"x-request-id": request_id}
    if retry is not None:
        headers["retry-after"] = str(max(1, math.ceil(retry)))
        headers["retry-after-ms"] = str(max(1, math.ceil(retry * 1000)))
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    # What OpenAI's clients ask before they try again: a quota does not fill up by waiting.
    if status >= 400:
        headers["x-should-retry"] = str(retry is not None).lower()
    return headers
