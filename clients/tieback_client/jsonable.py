"""Results and events as JSON: what `--json` prints, and what the console reads."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from tieback_contract.answers import TextDelta

from tieback_client.errors import InvalidArgument, TiebackError
from tieback_client.reports import CallInfo
from tieback_client.values.events import AnswerEvent, RetrievalEvent

_KINDS: Mapping[type, str] = {RetrievalEvent: "retrieval", TextDelta: "text"}


def event_as_json(event: AnswerEvent) -> dict[str, Any]:
    """An event of an answer, with its kind as `event`: "retrieval", "text", "claim", "finish", …"""
    kind = _KINDS.get(type(event), type(event).__name__.lower())
    return {"event": kind, **jsonable(event)}


def jsonable(value: Any) -> Any:
    """A value as JSON can hold it: dataclasses as objects, arrays as lists.

    What is unset is null, and so is a number that JSON does not have.
    """
    match value:
        case TiebackError():
            return _error(value)
        case CallInfo():
            return {"request_id": value.request_id, "retries": value.retries, "seconds": value.seconds}
        case Enum():
            return value.value
        case float() if not math.isfinite(value):  # JSON has no such numbers
            return None
        case None | bool() | int() | float() | str():
            return value
        case np.ndarray():
            return value.tolist()
        case np.generic():
            return jsonable(value.item())
        case date():  # a datetime is one
            return value.isoformat()
        case Path():
            return str(value)
        case Mapping():
            return {str(key): jsonable(one) for key, one in value.items()}
    if dataclasses.is_dataclass(value):
        return {field.name: jsonable(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if hasattr(value, "_asdict"):  # a named tuple
        return jsonable(value._asdict())
    return [jsonable(one) for one in value]


def _error(error: TiebackError) -> dict[str, Any]:
    known = {
        "code": error.code,
        "reason": error.reason,
        "message": error.message,
        "hint": error.hint,
        "choices": list(error.choices),
        "field": error.field if isinstance(error, InvalidArgument) else "",
        "retry_delay": error.retry_delay,
        "request_id": error.request_id,
    }
    return {key: value for key, value in known.items() if value not in ("", None, [])}
