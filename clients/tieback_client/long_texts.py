"""A text of any length in stretches that any server takes as one section."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 1 << 16
"""Characters of a stretch: at most 256 KiB, where servers take 1 MiB by default."""
_ENDS = tuple(map(re.compile, (r"\n[ \t]*\r?\n", r"[.!?]\s", r"\n", r"\s")))


def stretches(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The stretches of a text with their bytes of it, one after the other; of a blank text, all of it is one.

    Each ends after a paragraph where one ends in its second half, else after a sentence, a line, or a word.
    What is white space and nothing else is left out, since no space reads it.
    """
    if not text.strip():
        yield text, (0, len(text.encode()))
        return
    begin, byte = 0, 0
    while True:
        end = len(text) if len(text) - begin <= LONGEST else _end(text, begin)
        part = text[begin:end]
        size = len(part.encode(errors="surrogatepass"))  # what is no text is refused when it is sent
        if part.strip():
            yield part, (byte, byte + size)
        begin, byte = end, byte + size
        if begin >= len(text):
            return


def _end(text: str, begin: int) -> int:
    half, last = begin + LONGEST // 2, begin + LONGEST
    for ends in _ENDS:
        found = [one.end() for one in ends.finditer(text, half, last)]
        if found:
            return found[-1]
    return last
