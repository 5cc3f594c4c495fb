"""The tables of fields in docs/grounding.md, as the JSON schema of a checked text describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieback_client.checked_text import schema


def fields_tables() -> str:
    """A table for the document, and one for each object within it."""
    form = schema()
    parts = [("The document", form), *((f"{name}", one) for name, one in form["$defs"].items())]
    return "\n\n".join(_table(title, one) for title, one in parts)


def _table(title: str, one: Mapping[str, Any]) -> str:
    rows = [
        f"| `{name}` | {_kind(field)} | {field['description']} |" for name, field in one["properties"].items()
    ]
    return "\n".join(
        [f"#### {title}", "", one["description"], "", "| field | type | meaning |", "|---|---|---|", *rows]
    )


def _kind(field: Mapping[str, Any]) -> str:
    """The type of a field in words."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name})"
    if "anyOf" in field:
        return " or ".join(map(_kind, field["anyOf"]))
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join("null" if one is None else f"`{one}`" for one in field["enum"])
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join(_list(field) if one == "array" else str(one) for one in kinds)


def _list(field: Mapping[str, Any]) -> str:
    count = f"{field['minItems']} × " if "minItems" in field else "list of "
    return count + _kind(field["items"])
