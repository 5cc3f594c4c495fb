"""Keys and values of prompts that were read, to be used again where a prompt begins alike.

A prompt is divided into blocks, and a block is named by a hash of all tokens up to its end (as in vLLM: Kwon
et al., 2023, arXiv:2309.06180). So prompts with the same instruction share its blocks, those with the same
evidence share more, and no search is needed.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Iterator

import numpy as np
from tieback_contract.arrays import Array

from tieback.models.row_caches import RowCaches

BLOCK = 32
"""Tokens of a block: up to 31 tokens that were read before are read again."""


class PrefixCache:
    """Blocks of at most so many bytes in all; the least recently used are dropped. One thread at a time."""

    def __init__(self, most_bytes: int) -> None:
        self.bytes = 0
        self._most = most_bytes
        self._blocks: OrderedDict[bytes, Array] = OrderedDict()

    def fill(self, caches: RowCaches, row: int, tokens: Array, salt: bytes) -> int:
        """Copies the blocks that are there to the row's beginning; the number of its tokens that these are.

        The last token is left to be read, since its logits are needed. Prompts of another `salt` share no
        blocks, so that the time of an answer tells no tenant what another has asked.
        """
        filled = 0
        for name, end in _names(tokens[:-1], salt):
            block = self._blocks.get(name)
            if block is None:
                break
            self._blocks.move_to_end(name)
            caches.write(row, filled, block)
            filled = end
        return filled

    def keep(self, caches: RowCaches, row: int, tokens: Array, salt: bytes) -> None:
        """Keeps the blocks of a prompt that the row has read."""
        for name, end in _names(tokens, salt):
            if name in self._blocks:
                self._blocks.move_to_end(name)
                continue
            block = caches.read(row, end - BLOCK, end)
            if block.nbytes > self._most:
                return
            self._blocks[name] = block
            self.bytes += block.nbytes
        while self.bytes > self._most:
            _, dropped = self._blocks.popitem(last=False)
            self.bytes -= dropped.nbytes


def _names(tokens: Array, salt: bytes) -> Iterator[tuple[bytes, int]]:
    name = salt
    for end in range(BLOCK, len(tokens) + 1, BLOCK):
        part = np.ascontiguousarray(tokens[end - BLOCK : end], np.int64)
        name = hashlib.blake2b(name + part.tobytes(), digest_size=16).digest()
        yield name, end
