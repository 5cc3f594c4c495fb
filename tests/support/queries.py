"""What a query is made of."""

from __future__ import annotations

from tieback.core.types.content import Content
from tieback.core.types.retrieval import QueryPart
from tieback_contract.modality import Modality

from support.colours import png


def words(text: str, weight: float = 1.0) -> QueryPart:
    return QueryPart(Content(Modality.TEXT, text), weight)


def photo(*colour: int, weight: float = 1.0) -> QueryPart:
    """A picture of one colour."""
    return QueryPart(Content(Modality.IMAGE, png(*colour)), weight)
