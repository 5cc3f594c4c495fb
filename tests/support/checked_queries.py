"""Queries of a collection in memory, as a search is given them once its request was checked."""

from __future__ import annotations

from typing import Unpack

from tieback.collections.query import Query
from tieback.core.types.search import SearchRequest
from tieback.filters import Filter
from tieback.methods.rank_fusion import rank_fusions
from tieback_contract.arrays import Array
from tieback_contract.query import QueryKeywords, QueryOptions

from support.sections import SPACE


def query_of(
    vector: Array | None,
    limit: int,
    *,
    text: str = "",
    tree: Filter | None = None,
    **options: Unpack[QueryKeywords],
) -> Query:
    """A query by a vector, by words, or by both, whose rankings are summed."""
    request = SearchRequest("docs", options=QueryOptions.of(**options))
    return Query(request, SPACE, vector, text, limit, tree, rank_fusions.configure("weighted_sum", {}))
