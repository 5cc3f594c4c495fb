"""The words of a query, as they are searched for."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.core.types.retrieval import QueryPart
from tieback.ports import SEARCH_TEXT_BYTES


def words_of(query: Sequence[QueryPart]) -> str:
    """The query's own words."""
    return " ".join(
        part.content.data.strip() for part in query if isinstance(part.content.data, str) and part.weight > 0
    )


def beginning(words: str) -> str:
    """As much of the words as the index searches for."""
    return words.encode()[:SEARCH_TEXT_BYTES].decode(errors="ignore")
