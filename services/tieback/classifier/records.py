"""Heads as JSON: what the store keeps of a version, and the result of the operation that fitted it."""

from __future__ import annotations

from typing import Any

from tieback_contract.method_choice import MethodChoice
from tieback_contract.vectors import SpaceRef

from tieback.core.types.heads import Head
from tieback.core.types.operation import Json


def record_of(head: Head) -> dict[str, Any]:
    """A version, without what depends on the others and on what is served."""
    space, method = head.space, head.method
    return {
        "name": head.name,
        "version": head.version,
        "created": head.created,
        "space": [space.name, space.revision, space.fingerprint],
        "method": method.name,
        "parameters": dict(method.parameters),
        "classes": dict(head.classes),
        "memory": head.memory,
        "accuracy": head.accuracy,
        "artifact": head.artifact,
    }


def head_of(record: Json) -> Head:
    """As `record_of` wrote it, with the `versions` that are kept where they were added.

    KeyError or TypeError where it did not.
    """
    return Head(
        name=record["name"],
        version=record["version"],
        created=record["created"],
        space=SpaceRef(*record["space"]),
        method=MethodChoice(record["method"], record["parameters"]),
        classes=record["classes"],
        memory=record["memory"],
        accuracy=record["accuracy"],
        artifact=record["artifact"],
        versions=record.get("versions", ()),
    )
