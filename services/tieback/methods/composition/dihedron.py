"""The product of dihedrons, or split quaternions: i² = −1, j² = k² = 1, ijk = 1.

The algebra of all real 2 × 2 matrices (arXiv:2208.02743): relations turn, as with quaternions, but also
reflect, stretch and project, so that what is one-to-many need not be forced into a rotation.
"""

from __future__ import annotations

from tieback.core.types.arrays import Array
from tieback.methods.composition import compositions, product

SIGNS = ((1, 1, 1, 1), (1, -1, 1, -1), (1, -1, 1, -1), (1, 1, 1, 1))


@compositions.method
def dihedron(things: Array, relations: Array) -> Array:
    """Column by column, the dihedron of `things` times that of `relations`."""
    return product(things, relations, SIGNS)
