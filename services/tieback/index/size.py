"""How much an index holds."""

from __future__ import annotations

from typing import NamedTuple


class IndexSize(NamedTuple):
    """What is in all collections of all tenants, and how it is."""

    sections: int
    """Sections that can be read."""
    vectors: int
    """Vectors of these, and of their regions."""
    damaged: int
    """Collections whose files are damaged."""
    stale: int
    """Collections in another revision of their space than the one that is served."""
    vector_bytes: int
    """Bytes of the vectors in memory."""
    token_bytes: int
    """Bytes on disk of the vectors of tokens."""
    originals: int
    """Bytes on disk of what sections were encoded from."""
    moving: int = 0
    """Sections of collections that are between two spaces."""
    moved: int = 0
    """Those of them that have vectors of the new one."""
