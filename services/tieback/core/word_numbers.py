"""The words of a text as numbers, by which texts are compared without an encoder."""

from __future__ import annotations

import re
import zlib

import numpy as np
from tieback_contract.arrays import Array

MOST_WORDS = 256
"""Different words of a text that count."""
_WORD = re.compile(r"\w{3,}")
_LARGEST = 0x7FFFFFFE


def words_of(text: str) -> Array:
    """The different words of a text as numbers above 0, `[MOST_WORDS]`, then zeros."""
    found = dict.fromkeys(_WORD.findall(text.lower()))
    numbers = [1 + zlib.crc32(word.encode()) % _LARGEST for word in list(found)[:MOST_WORDS]]
    return np.array(numbers + [0] * (MOST_WORDS - len(numbers)), np.int32)
