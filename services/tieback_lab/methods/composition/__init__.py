"""Composition: hypercomplex products of an entity and a relation, for link prediction.

An entity is four vectors, for instance of its node in a graph, its name, a sentence and a document about it.
They are the four parts of a hypercomplex number, which is multiplied with that of a relation; in the product
every part meets every other. The tail of a link is the nearest entity: score(h, r, t) = ⟨h ⊗ r̂, t⟩. After
Nayyeri et al., 2022 (arXiv:2208.02743, method 55).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from tieback.core.errors import InvalidInput
from tieback.core.family import Family
from tieback_contract.arrays import Array

PARTS = 4
Signs = Sequence[Sequence[int]]
"""`[4][4]`: the sign of unit a times unit b, whose product is unit a XOR b: 1, i, j, k are 0, 1, 2, 3."""


class Composition(Protocol):
    """A product of entities and relations."""

    def __call__(self, things: Array, relations: Array) -> Array:
        """The product `[…, 4, width]` of entities `things` `[…, 4, width]` and `relations` `[…, 4, width]`.

        InvalidInput where either has not four parts of one width.
        """
        ...


compositions: Family[Composition] = Family(__name__, Composition)


def constants(signs: Signs) -> Array:
    """The structure constants `[4, 4, 4]`: unit a times unit b is Σ_c constants[a, b, c] · unit c."""
    found = np.zeros((PARTS, PARTS, PARTS), np.float32)
    for a in range(PARTS):
        for b in range(PARTS):
            found[a, b, a ^ b] = signs[a][b]
    return found


def product(things: Array, relations: Array, signs: Signs) -> Array:
    """The product of the algebra with those signs, as `Composition` says."""
    for name, numbers in (("things", things), ("relations", relations)):
        if numbers.ndim < 2 or numbers.shape[-2] != PARTS:
            raise InvalidInput(f"{name} have four parts, [..., 4, width], not {numbers.shape}", field=name)
    if things.shape[-1] != relations.shape[-1]:
        raise InvalidInput(
            f"things of width {things.shape[-1]} and relations of width {relations.shape[-1]} do not compose",
            field="relations",
        )
    return np.asarray(np.einsum("abc,...ad,...bd->...cd", constants(signs), things, relations))


def unit(relations: Array) -> Array:
    """r̂: every hypercomplex number of `[…, 4, width]` at length 1 over its four parts; zeros stay.

    A Hamilton product with it keeps lengths, and is a rotation; a dihedron product does not.
    """
    lengths = np.linalg.norm(relations, axis=-2, keepdims=True)
    return np.asarray(relations / np.where(lengths > 0, lengths, 1))
