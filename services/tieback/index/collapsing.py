"""Says which sections are pieces of one short text, which can be one hit.

Several pieces of a split text can match a query. If the text is short, they are one hit: the best piece, with
the others attached. For longer texts, each piece is a hit; when only the best of neighbouring pieces was
kept, the piece with the answer was left out too often (docs/retrieval.md). `grouping.py` makes the hits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

MOST_PIECES = 8
"""Of a short text: about 1,000 tokens, two pages. All but a few abstracts are shorter."""


def short_texts(continues: Sequence[bool]) -> Array | None:
    """By section, the number of the first section of its text; its own where no others belong to it.

    `continues` says of each whether it continues the one before. A longer text's sections are told apart.
    None where each section is a text of its own.
    """
    if not any(continues):
        return None
    numbers = np.arange(len(continues), dtype=np.int32)
    firsts = np.maximum.accumulate(np.where(continues, 0, numbers))
    pieces = np.bincount(firsts)[firsts]
    return np.where(pieces <= MOST_PIECES, firsts, numbers).astype(np.int32)
