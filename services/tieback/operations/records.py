"""Operations as JSON, in the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tieback_contract.operations import OperationState

from tieback.core.error_record import read_error, write_error
from tieback.core.types.operation import OperationRecord

_LIVE = {"remaining", "trouble"}  # of this process alone: a start finds them out again


def write_operation(operation: OperationRecord) -> dict[str, Any]:
    """What is to be kept of an operation."""
    kept = {
        one.name: getattr(operation, one.name) for one in fields(OperationRecord) if one.name not in _LIVE
    }
    kept["state"] = operation.state.value
    kept["error"] = None if operation.error is None else write_error(operation.error)
    return kept


def read_operation(record: Mapping[str, Any]) -> OperationRecord:
    """As `write_operation` wrote it. KeyError, TypeError or ValueError where the record is malformed."""
    error = record["error"]
    return OperationRecord(
        **{
            **record,
            "state": OperationState(record["state"]),
            "error": None if error is None else read_error(error),
        }
    )
