"""How a collection keeps vectors of the tokens of its texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tieback_contract.vectors import SpaceRef


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """Vectors of the tokens of texts, kept with the sections, so that reranking encodes no candidates.

    What is left out of a request is the server's default.
    """

    space: str | SpaceRef = ""
    """The text space, by name; in full where the server does not have it."""
    width: int = 0
    """Their width; 0 for that of the space."""
    pooling: str | tuple[str, Mapping[str, object]] | None = None
    """How rows are pooled into fewer, a method of the family "token_pooling": ``("ward", {"factor": 2})``."""
    codec: str | tuple[str, Mapping[str, object]] | None = None
    """The codec of the rows that are kept: a method of the family "codecs"."""
    stored_bytes: int = 0
    """Of a collection as it stands: the bytes that they take on the disk of the server."""


TokenVectorsLike: TypeAlias = TokenVectors | bool
"""True for the server's defaults, False to say nothing."""
