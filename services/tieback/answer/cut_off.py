"""The tokens of contents that a space did not read, because they exceed its window."""

from __future__ import annotations

from collections.abc import Iterable

from tieback_contract.encodings import Encoding

from tieback.core.types.encoding import Truncated


def cut_off(encodings: Iterable[Encoding]) -> list[Truncated]:
    """By space, what is not in the encodings; the spaces that read everything are left out."""
    found: dict[str, Truncated] = {}
    for encoding in encodings:
        if not encoding.truncated_tokens:
            continue
        name = encoding.space.name
        known = found.get(name, Truncated(name, 0, 0, 0))
        found[name] = Truncated(
            name,
            known.sections + 1,
            known.tokens + encoding.truncated_tokens,
            max(known.window, encoding.token_count),
        )
    return list(found.values())
