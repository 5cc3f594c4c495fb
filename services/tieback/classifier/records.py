"""Heads as JSON: what the store keeps of a version, and the result of the operation that fitted it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tieback_contract.heads import Head
from tieback_contract.vectors import SpaceRef

from tieback.core.types.operation import Json


def record_of(head: Head) -> dict[str, Any]:
    """A version, without what depends on the others and on what is served."""
    space = head.space
    return {
        "name": head.name,
        "version": head.version,
        "created": head.created.timestamp() if head.created else None,
        "space": [space.name, space.revision, space.fingerprint],
        "method": head.method,
        "parameters": dict(head.parameters),
        "classes": dict(head.classes),
        "memory": head.memory_count,
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
        created=datetime.fromtimestamp(record["created"], UTC),
        space=SpaceRef(*record["space"]),
        method=record["method"],
        parameters=record["parameters"],
        classes=record["classes"],
        class_count=len(record["classes"]),
        example_count=sum(record["classes"].values()),
        memory_count=record["memory"],
        accuracy=record["accuracy"],
        artifact=record["artifact"],
        versions=record.get("versions", ()),
    )
