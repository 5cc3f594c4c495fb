"""Vectors in half precision: 2 bytes a dimension.

A similarity moves by at most 2⁻¹¹ of the sum of its products' magnitudes. Values beyond ±65504 count as that.
"""

from __future__ import annotations

import numpy as np

from tieback.methods.codecs import LARGEST_HALF, Codec, codecs, of_floats


@codecs.method
def float16(width: int) -> Codec:
    """Rounded to 11 bits."""
    return of_floats(np.dtype(np.float16), width, LARGEST_HALF)
