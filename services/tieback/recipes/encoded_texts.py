"""Texts as token numbers to vectors, by the graph of an encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array

from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Session
from tieback.models.transformer_text import padded

AT_ONCE = 32
"""Texts that are encoded together."""


def encoded_texts(session: Session, texts: Sequence[Array]) -> Array:
    """Texts as token numbers to vectors `[texts, width]`, those of about one length together."""
    order = np.argsort([len(text) for text in texts], kind="stable")
    rows: list[Array] = [np.empty(0)] * len(texts)
    for begin in range(0, len(order), AT_ONCE):
        places = order[begin : begin + AT_ONCE]
        ids, mask = padded([texts[place] for place in places])
        (dense,) = session.run([DENSE], {IDS: ids, MASK: mask})
        for place, row in zip(places, dense, strict=True):
            rows[place] = row
    return np.stack(rows)
