"""Whether a text can be sent."""

from __future__ import annotations

from tieback_contract.field_path import ROOT, FieldPath

from tieback_client.errors import InvalidArgument


def text(value: str, field: FieldPath | str = ROOT) -> str:
    """The text, if it can travel as UTF-8."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument.at(
            field,
            f"character {error.start} is {value[error.start]!a}, half of a surrogate pair, which is no text; "
            "decode the input as UTF-8, or drop such characters with errors='replace'",
        ) from None
    if "\0" in value:
        raise InvalidArgument.at(field, f"character {value.index(chr(0))} is NUL; remove it")
    return value
