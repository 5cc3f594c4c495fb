"""The sign of each value: 1 bit a dimension, rounded up to 8 bytes.

A query is compared by its signs and its magnitudes, which are rounded to 7 steps, three bits (as the queries
of RaBitQ: Gao and Long, 2024, arXiv:2405.12497). The magnitudes of the dimensions in which the signs differ
are summed by counting bits. So dimensions that are small or zero in the query count little or nothing. It
fails where most values of a vector are zeros, whose sign says nothing, and where vectors differ in length
alone.

It is a baseline of the learned codes of
"Vector representations of text data in deep learning" (Grzegorczyk, 2019): these bits are taken of vectors
that were learned without them.
"""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array

from tieback.methods.codecs import Codec, Oversampling, Shortlist, codecs

_WORD = 64  # bits that are counted at a time
_PLANES = 3
_STEPS = 2**_PLANES - 1  # of the query's largest magnitude


@codecs.method
def binary(width: int, *, oversampling: Oversampling = 16.0, rescoring: str = "float32") -> Codec:
    """A bit is set for a value above zero; those that fill the last word are not."""
    words = -(-width // _WORD)

    def packed(bits: Array) -> Array:
        """Bits `[n, width]` as words `[n, words]`."""
        padded = np.zeros((len(bits), words * _WORD), bool)
        padded[:, :width] = bits
        return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)

    def encode(vectors: Array) -> Array:
        return packed(vectors > 0)

    def decode(rows: Array) -> Array:
        bits = np.unpackbits(np.ascontiguousarray(rows).view(np.uint8), axis=1, bitorder="little")
        return np.asarray((bits[:, :width] * 2.0 - 1) / width**0.5, np.float32)

    def similarities(query: Array, rows: Array) -> Array:
        magnitudes = np.abs(query)
        largest = float(magnitudes.max())
        if not largest > 0:
            return np.zeros(len(rows), np.float32)
        steps = np.rint(magnitudes / largest * _STEPS).astype(np.uint8)
        signs = encode(query[None])[0]
        planes = packed((steps >> np.arange(_PLANES, dtype=np.uint8)[:, None]) & 1 > 0)
        differing = np.zeros((_PLANES, len(rows)), np.uint32)
        for word in range(words):
            differs = rows[:, word] ^ signs[word]
            for plane in range(_PLANES):
                differing[plane] += np.bitwise_count(differs & planes[plane, word])
        wrong = (differing << np.arange(_PLANES, dtype=np.uint32)[:, None]).sum(axis=0, dtype=np.int64)
        in_steps = int(steps.sum(dtype=np.int64)) - 2 * wrong
        return np.asarray(in_steps * (largest / _STEPS / width**0.5), np.float32)

    return Codec(
        np.dtype(np.uint64),
        words,
        encode,
        decode,
        similarities,
        Shortlist(oversampling, rescoring),
        only_orders=True,
    )
