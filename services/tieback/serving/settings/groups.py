"""The settings by what they are about: for `tieback serve --help` and the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from tieback.serving.settings import Settings

BEGINS = {
    "Files and models": "models",
    "Network and access": "host",
    "Doors of other protocols": "doors",
    "Processes on Ray Serve": "replicas",
    "Limits": "message_bytes",
    "Caches": "adapter_bytes",
    "Answers": "quote_sentences",
    "Operations": "operations_running",
    "Execution": "provider",
    "Connections, traces and logs": "connection_seconds",
}
"""Each group by the first of its settings, which follow one another in `Settings`."""


def setting_groups() -> dict[str, list[str]]:
    """The names of all settings by their group."""
    title_of = {first: title for title, first in BEGINS.items()}
    groups: dict[str, list[str]] = {title: [] for title in BEGINS}
    title = ""
    for name in Settings.model_fields:
        title = title_of.get(name, title)
        groups[title].append(name)
    return groups


def value_of(field: FieldInfo) -> str:
    """What a setting takes: its choices, or the kind of its value."""
    if get_origin(field.annotation) is Literal:
        return "|".join(get_args(field.annotation))
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if isinstance(kind, type)]
    for kind in kinds:
        if issubclass(kind, Enum):
            return "|".join(str(one.value) for one in kind)
    for kind, name in ((Path, "PATH"), (int, "INTEGER"), (float, "NUMBER")):
        if kind in kinds:
            return name
    return "TEXT"


def default_of(field: FieldInfo) -> str:
    """The value that a setting has by itself; empty where it has none."""
    value = field.default.value if isinstance(field.default, Enum) else field.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(str, value))
    return "" if value is None else str(value)
