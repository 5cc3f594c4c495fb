"""Errors as JSON, so that they outlive the process: what is read again raises and reads as it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieback_contract.field_path import FieldPath

from tieback.core import errors
from tieback.core.errors import TiebackError


def write_error(error: TiebackError) -> dict[str, Any]:
    """The error's class and attributes; a field's path as it is written out."""
    attributes = {
        name: str(value) if isinstance(value, FieldPath) else value for name, value in vars(error).items()
    }
    return {"type": type(error).__name__, "attributes": attributes}


def read_error(record: Mapping[str, Any]) -> TiebackError:
    """As `write_error` wrote it; a class that is not there any more becomes the tree's root.

    KeyError, TypeError or ValueError where the record is malformed.
    """
    attributes = dict(record["attributes"])
    message = str(attributes["message"])
    kind = getattr(errors, str(record["type"]), TiebackError)
    if not (isinstance(kind, type) and issubclass(kind, TiebackError)):
        kind = TiebackError
    if "field" in attributes:
        attributes["field"] = FieldPath.parse(attributes["field"])
    # The constructors take what the message is made of; the message is made already.
    error: TiebackError = kind.__new__(kind)
    error.args = (message,)
    vars(error).update(attributes)
    return error
