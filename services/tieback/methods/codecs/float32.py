"""Vectors as they are: 4 bytes a dimension.

Collections of 2,000 to 5,000 sections keep one byte more for each dimension, which makes their exact search
faster.
"""

from __future__ import annotations

import numpy as np

from tieback.methods.codecs import Codec, codecs, of_floats


@codecs.method
def float32(width: int) -> Codec:
    """Nothing is lost."""
    return of_floats(np.dtype(np.float32), width)
