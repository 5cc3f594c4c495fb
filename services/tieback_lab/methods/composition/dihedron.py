"""The product of dihedrons, or split quaternions: i² = −1, j² = k² = 1, ijk = 1.

The algebra of all real 2 × 2 matrices (arXiv:2208.02743): relations rotate, as with quaternions, and also
reflect, scale and project, so that a one-to-many relation need not be a rotation.
"""

from __future__ import annotations

from tieback_contract.arrays import Array

from tieback_lab.methods.composition import compositions, product

SIGNS = ((1, 1, 1, 1), (1, -1, 1, -1), (1, -1, 1, -1), (1, 1, 1, 1))


@compositions.method
def dihedron(things: Array, relations: Array) -> Array:
    """Column by column, the dihedron of `things` times that of `relations`."""
    return product(things, relations, SIGNS)
