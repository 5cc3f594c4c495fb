"""The words of a query, as they are searched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tieback.core.types.retrieval import QueryPart
from tieback.ports import SEARCH_TEXT_BYTES


def words_of(query: Sequence[QueryPart]) -> str:
    """The query's own words."""
    return " ".join(
        part.content.data.strip() for part in query if isinstance(part.content.data, str) and part.weight > 0
    )


def with_words(query: Sequence[QueryPart], words: str) -> list[QueryPart]:
    """The query with these words in the place of its own, and everything else as it was."""
    own = [part for part in query if isinstance(part.content.data, str) and part.weight > 0]
    said = replace(own[0], content=replace(own[0].content, data=words))
    return [said if part is own[0] else part for part in query if part is own[0] or part not in own]


def beginning(words: str) -> str:
    """As much of the words as the index searches for."""
    return words.encode()[:SEARCH_TEXT_BYTES].decode(errors="ignore")
