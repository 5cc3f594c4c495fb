"""The tokens of contents that a space did not read, because they exceed its window."""

from __future__ import annotations

from collections.abc import Iterable

from tieback_contract.encodings import Encoding, Truncated


def cut_off(encodings: Iterable[Encoding]) -> dict[str, Truncated]:
    """By space, what is not in the encodings; the spaces that read everything are left out."""
    found: dict[str, Truncated] = {}
    for encoding in encodings:
        if not encoding.truncated_tokens:
            continue
        name = encoding.space.name
        own = Truncated(1, encoding.truncated_tokens, encoding.token_count)
        found[name] = found[name] + own if name in found else own
    return found
