"""From places in a text, counted in characters, to its bytes as UTF-8."""

from __future__ import annotations

import numpy as np
from tieback_contract.arrays import Array, Span
from tieback_contract.field_path import FieldPath

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Section

ONE_BYTE, TWO_BYTES, THREE_BYTES = 0x80, 0x800, 0x10000


class ByteOffsets:
    """Knows the byte at which each character of a text begins. Linear in the text to make."""

    def __init__(self, text: str) -> None:
        self._offsets: Array | None = None
        if not text.isascii():
            points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
            sizes = 1 + (points >= ONE_BYTE) + (points >= TWO_BYTES) + (points >= THREE_BYTES)
            self._offsets = np.concatenate(([0], np.cumsum(sizes)))

    def span(self, begin: int, end: int) -> Span:
        """A range of characters as a range of bytes."""
        if self._offsets is None:
            return begin, end
        return int(self._offsets[begin]), int(self._offsets[end])

    def spans(self, ranges: Array) -> Array:
        """Ranges of characters `[n, 2]`, int64, as ranges of bytes."""
        return ranges if self._offsets is None else np.asarray(self._offsets[ranges], np.int64)


def check_span(section: Section, *, field: FieldPath) -> None:
    """InvalidInput where a section's span cannot be that of its text."""
    if section.span is None:
        return
    text = section.content.data if section.content else None
    if not isinstance(text, str):
        raise InvalidInput("only a section of text has a span", field=field)
    (begin, end), size = section.span, len(text.encode(errors="surrogatepass"))
    if begin < 0 or end - begin != size:
        raise InvalidInput(
            f"the span goes from byte {begin} to {end}, and the text has {size} bytes: give the bytes of the "
            "original that are the text exactly, or no span",
            field=field,
        )
