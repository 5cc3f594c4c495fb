"""What a collection in Milvus does not offer: one list, with what to do instead.

docs/scale.md shows it as a table.
"""

from __future__ import annotations

from tieback_contract.field_path import FieldPath
from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import QueryOptions
from tieback_contract.token_vectors import TokenVectors

from tieback.collections.query import asked
from tieback.core.errors import InvalidInput, Unsupported
from tieback.core.types.search import SearchRequest
from tieback.query_stages.checks import check_offered
from tieback.query_stages.stage import OPTIONS, PLAN, SEARCH, Asked
from tieback.query_stages.stages import by_name, further

REASON = "NOT_IN_MILVUS"

NOT_OFFERED = {
    "feedback": "a search is not repeated with an expanded query in Milvus; leave the expansion out",
    "documents": "whole documents are not ranked in Milvus; search by sections, and let hits_per_item keep "
    "the best of each item",
    "signals": "signals for a learned ranking are not computed in Milvus; take a reranker",
    "rank": "signals for a learned ranking are not computed in Milvus; take a reranker",
    "hit_vectors": "vectors of hits are not given in Milvus, so there is no order by a condition; leave it "
    "out",
    "explain": "the steps of a search are not recorded in Milvus; leave explain out",
    "depth": "Milvus itself decides how far it looks for a vector; leave vector_search out, or take nearest, "
    "none, or within without words",
}
"""Stages of a query that there are not in Milvus, by their names."""

FURTHER = "stages of extensions search the index of this server, and not Milvus; leave this one out"

OF_COLLECTIONS = {
    "codec": "Milvus keeps vectors as its own index does; leave the codec out",
    "token_vectors": "vectors of tokens are not kept in Milvus; leave them out, and texts are encoded when "
    "they are reranked",
}
"""By the field of a request that makes a collection."""

CALLS = {
    "snapshots": "collections in Milvus have no snapshots here: keep backups with Milvus's own tools",
    "originals": "pictures and sounds are not kept beside collections in Milvus; keep them where the "
    "item's uri leads",
    "reindex": "collections in Milvus are not encoded again in place: make one in the new space, and "
    "index the items into it",
    "upgrade": "collections in Milvus are in one space: make one in the new space, and index the items "
    "into it",
}
"""By what whole calls are for."""


def unsupported(what: str) -> Unsupported:
    """The error for a call of `CALLS`."""
    return Unsupported(CALLS[what])


def check_collection(codec: MethodChoice | None, token_vectors: TokenVectors | None) -> None:
    """InvalidInput where a collection is asked for that cannot be in Milvus."""
    keeps_floats = codec is None or (codec.name == "float32" and not codec.parameters)
    for field, is_asked in (("codec", not keeps_floats), ("token_vectors", token_vectors is not None)):
        if is_asked:
            raise InvalidInput(OF_COLLECTIONS[field], field=field, reason=REASON)


def check_plan(plan: QueryOptions) -> None:
    """InvalidInput where a plan chooses for every query what is not offered."""
    _check(Asked(plan), PLAN, with_words=plan.hybrid is not False)


def check_search(request: SearchRequest) -> None:
    """InvalidInput where a search asks for what is not offered."""
    _check(asked(request), OPTIONS, with_words=bool(request.text.strip()))


def _check(asked: Asked, path: FieldPath, *, with_words: bool) -> None:
    check_offered(asked, NOT_OFFERED, REASON, path)
    for stage in further():
        if stage.of == SEARCH and stage.chosen(asked):
            raise InvalidInput(FURTHER, field=path["stages"], reason=REASON)
    if with_words and by_name()["range"].chosen(asked):
        raise InvalidInput(NOT_OFFERED["depth"], field=path["vector_search"], reason=REASON)
