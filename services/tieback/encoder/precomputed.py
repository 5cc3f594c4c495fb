"""Vectors that the caller computed before: checked, never recomputed."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.vectors import SpaceRef, Vector

from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.encoder.output import restore


def accept(vector: Vector, space: SpaceRef, widths: tuple[int, ...], width: int) -> Array:
    """The vector as float32 `[its width]` of unit norm.

    `widths` are those that the space offers, `width` the one that is asked for. SpaceMismatch where it is of
    another space, revision or fingerprint; InvalidInput where its width is not offered or smaller than what
    is asked for, or where it holds NaN, an infinity or nothing but zeros.
    """
    if vector.space != space:
        raise SpaceMismatch(_difference(vector.space, space), field=at("vector", "space"))
    if vector.values.ndim != 1:
        raise InvalidInput(
            f"a vector has one axis, not the shape {list(vector.values.shape)}", field=at("vector", "values")
        )
    if vector.width not in widths:
        raise InvalidInput(
            f"the vector has {vector.width} dimensions; the space {space.name!r} has {_listed(widths)}",
            field=at("vector", "values"),
        )
    if vector.width < width:
        raise InvalidInput(
            f"the vector has {vector.width} dimensions and {width} are asked for; "
            f"ask for an output width of {vector.width} or less",
            field=at("vector", "values"),
        )
    values = restore(vector.values, vector.dtype, vector.scale)
    norm = float(np.linalg.norm(values.astype(np.float64)))
    if not np.isfinite(norm):
        raise InvalidInput("the vector holds NaN or an infinity", field=at("vector", "values"))
    if norm == 0.0:
        raise InvalidInput("the vector is all zeros and has no direction", field=at("vector", "values"))
    return values / np.float32(norm)


def _difference(given: SpaceRef, own: SpaceRef) -> str:
    if given.name != own.name:
        return f"the vector is of the space {given.name!r} and {own.name!r} is asked for"
    if given.revision != own.revision:
        return (
            f"the vector is of revision {given.revision!r} of {own.name!r} and this server has "
            f"{own.revision!r}; encode its input again"
        )
    return (
        f"the vector was made with preprocessing {given.fingerprint!r} and this server's {own.name!r} has "
        f"{own.fingerprint!r}; encode its input again"
    )


def _listed(widths: tuple[int, ...]) -> str:
    return ", ".join(str(width) for width in widths)
