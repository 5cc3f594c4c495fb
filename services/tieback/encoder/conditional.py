"""Vectors under a condition: the learned projections of what a space computes.

Kinds of artifacts that an extension brings are such projections; the platform has none of its own.

A projection is made of a result, as a width or an element type is, so the cache keeps one result for all
conditions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at
from tieback_contract.vectors import DType, SpaceRef, VectorKind

from tieback.core.errors import InvalidInput, TiebackError
from tieback.core.types.encoding import EncodePlan, EncodeReply
from tieback.encoder.shaping import vectors


class ConditionalVectors:
    """A learned projection of the vectors of an `encoder` to those under its `conditions`, by their names.

    `kinds` of vectors are projected, to `width` dimensions. A kind of artifact serves a subclass.
    """

    encoder: str
    conditions: Sequence[str]

    @property
    def kinds(self) -> frozenset[VectorKind]:
        """The kinds of vectors that are projected."""
        raise NotImplementedError

    @property
    def width(self) -> int:
        """Dimensions of the projected vectors."""
        raise NotImplementedError

    def space_under(self, condition: str) -> SpaceRef:
        """The space of the projected vectors."""
        raise NotImplementedError

    def project(self, contents: Sequence[Array], condition: str) -> Array:
        """Unit rows `[n, width]` of contents, each by its rows `[rows, input width]`, the whole's first."""
        raise NotImplementedError


class ConditionalSpaces:
    """The learned conditions of the encoders of a process."""

    def __init__(self, spaces: Sequence[ConditionalVectors] = ()) -> None:
        self._known: Mapping[tuple[str, str], ConditionalVectors] = {
            (one.encoder, name): one for one in spaces for name in one.conditions
        }

    def find(self, encoder: str, plan: EncodePlan) -> ConditionalVectors:
        """What the plan's condition is of. InvalidInput, with the choices, for what cannot be had."""
        found = self._known.get((encoder, plan.condition))
        if found is None:
            offered = ", ".join(sorted(name for of, name in self._known if of == encoder)) or "none"
            raise InvalidInput(
                f"the space {encoder!r} has no condition {plan.condition!r}; it has: {offered}",
                field=at("output", "condition"),
            )
        unused = {
            "kinds": plan.kinds != {VectorKind.DENSE},
            "width": plan.width is not None,
            "layer": plan.layer is not None,
            "earliest_layer": plan.earliest_layer is not None,
            "reduction": plan.reduction is not None,
            "adapter": bool(plan.adapter),
        }
        for field, is_asked in unused.items():
            if is_asked:
                raise InvalidInput(
                    f"under a condition there is one DENSE vector, of {found.width} dimensions; leave "
                    f"{field} out",
                    field=at("output", field),
                )
        if plan.dtype is DType.BINARY and found.width % 8:
            raise InvalidInput(
                f"BINARY packs eight dimensions to a byte and the width is {found.width}",
                field=at("output", "dtype"),
            )
        return found


def computed_plan(learned: ConditionalVectors, plan: EncodePlan) -> EncodePlan:
    """What is computed of the contents, to be projected."""
    return dataclasses.replace(plan, condition="", kinds=learned.kinds, dtype=DType.FLOAT32)


def projected(learned: ConditionalVectors, plan: EncodePlan, reply: EncodeReply) -> EncodeReply:
    """The reply to the computed plan, as the plan asks for it."""
    results: list[Encoding | TiebackError] = list(reply.results)
    rows = {place: _rows(one) for place, one in enumerate(results) if isinstance(one, Encoding)}
    if not rows:
        return reply
    values = learned.project(list(rows.values()), plan.condition)
    space = learned.space_under(plan.condition)
    made = vectors(list(values), space, plan.dtype, None)
    for place, vector in zip(rows, made, strict=True):
        one = results[place]
        if isinstance(one, Encoding):
            results[place] = dataclasses.replace(one, space=space, vector=vector, multi_vector=None)
    return dataclasses.replace(reply, results=results)


def _rows(encoding: Encoding) -> Array:
    """The whole's row first. A content that came with its vector has that alone."""
    if encoding.multi_vector is not None:
        return np.asarray(encoding.multi_vector.values, np.float32)
    dense = encoding.vector
    return np.zeros((1, 0), np.float32) if dense is None else np.asarray(dense.values, np.float32)[None]
