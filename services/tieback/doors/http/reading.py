"""The JSON of a request: read strictly, so that nothing that a client asks for is passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from tieback_client import InvalidArgument
from tieback_contract.field_path import FieldPath

from tieback.doors.http.errors import Refused

P = TypeVar("P", bound="Payload")


class Payload(BaseModel):
    """The fields of a request's body. Others are refused, by their names."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())


@dataclass(frozen=True, slots=True)
class Missing:
    """A field of the protocol that this door does not have."""

    way_out: str
    """What to do instead."""
    neutral: tuple[Any, ...] = ()
    """Values, beside null, that ask for nothing, and that clients send anyway."""


async def read(request: Request, kind: type[P], missing: Mapping[str, Missing]) -> P:
    """The body as an object. `InvalidArgument` names the field, `Refused` another type of content."""
    content = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content != "application/json":
        raise Refused(415, "NOT_JSON", "the body is JSON, with content-type: application/json")
    try:
        found = from_json(await request.body(), allow_inf_nan=False)
    except ValueError:  # its text quotes the body
        raise InvalidArgument("the body is not valid JSON", _details("INVALID_JSON")) from None
    if not isinstance(found, dict):
        raise InvalidArgument("the body is a JSON object", _details("INVALID_JSON"))
    for name, one in missing.items():
        value = found.pop(name, None)
        if value is not None and not any(
            value == known and type(value) is type(known) for known in one.neutral
        ):
            raise InvalidArgument.at(
                name, f"this server does not have it; {one.way_out}", reason="UNSUPPORTED"
            )
    try:
        return kind.model_validate(found)
    except ValidationError as error:
        raise _wrong(error, kind) from None


def _wrong(error: ValidationError, kind: type[Payload]) -> InvalidArgument:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = [one for one in first["loc"] if isinstance(one, int) or not _is_branch(one)]
    field = str(FieldPath(tuple(path))) if path else ""
    if first["type"] == "extra_forbidden":
        names = ", ".join(sorted(kind.model_fields))
        return InvalidArgument.at(field, f"there is no such field; {kind.__name__.lower()} has {names}")
    if first["type"] == "missing":
        return InvalidArgument.at(field, "it is missing")
    return InvalidArgument.at(field, first["msg"][:1].lower() + first["msg"][1:])


def _is_branch(name: str) -> bool:
    """Whether a part of a path names an alternative of a type and no field."""
    return "[" in name or name in ("str", "int", "float", "bool", "list", "dict") or name[:1].isupper()


def _details(reason: str) -> Any:
    from tieback_client.errors import Details

    return Details(code="INVALID_ARGUMENT", reason=reason)
