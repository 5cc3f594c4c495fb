"""Texts that several items hold, so that such a text is one hit that names them all.

A text is a section, or a section that was split and the pieces that continue it: what was sent. Texts are
compared by a number that is made of their content. A short one says little without its titles, such as the
name of a product above "see below", so those count as part of it, and one without titles is compared with
none. Of pictures and sounds the originals that the collection keeps are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.core.room import grown
from tieback.index.memory.item_rows import ItemRows

SHORT = 100
"""Bytes: texts of fewer are the same only under the same titles."""

_NONE = 0  # of what has no copies
_LOW_BITS = 0xFFFF


class Copies:
    """The numbers of texts by the positions of their sections. A section takes 10 bytes."""

    def __init__(self) -> None:
        self._numbers = np.zeros(0, np.int64)
        self._low = np.zeros(0, np.uint16)  # of the numbers: few enough to look them up in a table

    def put(self, positions: Array, numbers: Array) -> None:
        """Sets the numbers `[n]` of sections at positions `[n]`."""
        size = int(positions.max(initial=-1)) + 1
        self._numbers, self._low = grown(self._numbers, size, _NONE), grown(self._low, size, 0)
        self._numbers[positions], self._low[positions] = numbers, numbers & _LOW_BITS

    def number(self, position: int) -> int:
        """That of a section's text; 0 where it is compared with none."""
        return int(self._numbers[position])

    def of(self, positions: Sequence[int], allowed: Array) -> dict[int, list[int]]:
        """Sections of the mask `allowed` by the numbers of the texts that sections at `positions` are of."""
        wanted = np.zeros(_LOW_BITS + 1, bool)
        wanted[self._low[positions]] = True
        likely = np.flatnonzero(wanted[self._low[: len(allowed)]] & allowed)
        numbers = set(self._numbers[positions].tolist()) - {_NONE}
        found: dict[int, list[int]] = {}
        for position, number in zip(likely.tolist(), self._numbers[likely].tolist(), strict=True):
            if number in numbers:
                found.setdefault(number, []).append(position)
        return found


def numbers_of(items: ItemRows) -> Array:
    """By section, the number of its text."""
    numbers = np.zeros(items.rows.num_rows, np.int64)
    for begin, end, parts in _texts(items):
        digest = hashlib.blake2b(digest_size=8)
        for part in parts:
            digest.update(part)
        numbers[begin:end] = int.from_bytes(digest.digest(), signed=True) or 1
    return numbers


def _texts(items: ItemRows) -> Iterator[tuple[int, int, Iterable[bytes]]]:
    """Texts and originals: the first section, the one after the last, and the bytes that are compared."""
    rows = items.rows
    names = "text", "modality", "original", "section_title", "span_begin", "span_end"
    texts, modalities, originals, titles, begins, ends = (rows[name].to_pylist() for name in names)
    first_of = np.repeat(items.begins, items.sizes)
    starts = np.flatnonzero(~items.continuing() | (np.arange(rows.num_rows) == first_of))
    following = np.append(starts, rows.num_rows)[1:]
    for begin, end in zip(starts.tolist(), following.tolist(), strict=True):
        if modalities[begin] != Modality.TEXT:
            if originals[begin] is not None:
                yield begin, end, (originals[begin].encode(),)
            continue
        whole = _joined(texts[begin:end], begins[begin:end], ends[begin:end])
        title = rows["item_title"][int(first_of[begin])].as_py() or titles[begin] or ""
        if len(whole) >= SHORT:
            yield begin, end, (whole,)
        elif whole and title:
            yield begin, end, ("\0".join((title, titles[begin] or "", "")).encode(), whole)


def _joined(texts: Sequence[str], begins: Sequence[int | None], ends: Sequence[int | None]) -> bytes:
    """The text that pieces were cut from: they may overlap, and their spans say by how much."""
    if len(texts) == 1:
        return texts[0].encode()
    whole = bytearray()
    reached = begins[0] or 0
    for text, begin, end in zip(texts, begins, ends, strict=True):
        part = text.encode()
        whole += part if begin is None or end is None else part[max(reached - begin, 0) :]
        reached = max(reached, end or 0)
    return bytes(whole)
