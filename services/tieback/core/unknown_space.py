"""The error of a request to encode in a space that no encoder has."""

from __future__ import annotations

from collections.abc import Iterable

from tieback.core.errors import NotFound
from tieback.core.types.fusion import JOINT_SPACE


def unknown_space(name: str, encoders: Iterable[str]) -> NotFound:
    """`encoders` are the spaces that can be encoded in; the joint one is listed beside them and cannot."""
    hint = ""
    if name == JOINT_SPACE:
        hint = (
            "nothing is encoded in the joint space: Fuse makes its vectors of those of these spaces, and "
            "Ingest and Retrieve do both steps"
        )
    return NotFound("space", name, encoders, hint=hint)
