"""The product of quaternions: i² = j² = k² = ijk = −1.

A relation of length 1 rotates an entity and keeps its length; the order of two relations matters.
As a score for link prediction it is QuatE (Zhang et al., 2019, arXiv:1904.10281).
"""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback_lab.methods.composition import compositions, product

SIGNS = ((1, 1, 1, 1), (1, -1, 1, -1), (1, -1, -1, 1), (1, 1, -1, -1))


@compositions.method
def hamilton(things: Array, relations: Array) -> Array:
    """Column by column, the quaternion of `things` times that of `relations`."""
    return product(things, relations, SIGNS)
