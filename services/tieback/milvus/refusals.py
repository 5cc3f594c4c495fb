"""What a collection in Milvus does not offer: one list, with what to do instead.

docs/scale.md shows it as a table.
"""

from __future__ import annotations

from tieback_contract.method_choice import MethodChoice
from tieback_contract.query import Granularity, QueryOptions

from tieback.core.errors import InvalidInput, Unsupported
from tieback.core.types.token_vectors import TokenVectors
from tieback.index.query import Query
from tieback.index.query_plans import PLAN
from tieback.methods.vector_search import AS_KEPT
from tieback.ports import NO_EXPANSION

REASON = "NOT_IN_MILVUS"

FIELDS = {
    "codec": "Milvus keeps vectors as its own index does; leave the codec out",
    "token_vectors": "vectors of tokens are not kept in Milvus; leave them out, and texts are encoded when "
    "they are reranked",
    "query_expansion": "a search is not repeated with an expanded query in Milvus; leave the expansion out",
    "granularity": "whole documents are not ranked in Milvus; search by sections, and let hits_per_item keep "
    "the best of each item",
    "signals": "signals for a learned ranking are not computed in Milvus; take a reranker",
    "explain": "the steps of a search are not recorded in Milvus; leave explain out",
    "vectors": "vectors of hits are not given in Milvus, so there is no order by a condition; leave it out",
    "vector_search": "Milvus itself decides how far it looks for a vector; leave vector_search out, or take "
    "nearest, none, or within without words",
}
"""By the field of a request that asks for it."""

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


def refused(field: str) -> InvalidInput:
    """The error for a field of `FIELDS`."""
    return InvalidInput(FIELDS[field], field=field, reason=REASON)


def unsupported(what: str) -> Unsupported:
    """The error for a call of `CALLS`."""
    return Unsupported(CALLS[what])


def check_collection(codec: MethodChoice | None, token_vectors: TokenVectors | None) -> None:
    """InvalidInput where a collection is asked for that cannot be in Milvus."""
    if codec is not None and (codec.name != "float32" or codec.parameters):
        raise refused("codec")
    if token_vectors is not None:
        raise refused("token_vectors")


def check_plan(plan: QueryOptions) -> None:
    """InvalidInput where a plan chooses for every query what is not offered."""
    not_offered = {
        "query_expansion": plan.query_expansion not in (None, NO_EXPANSION),
        "granularity": plan.granularity not in (None, Granularity.SECTION),
        "ranker": plan.ranker is not None and plan.ranker.name != "none",
        "vector_search": plan.vector_search is not None
        and plan.vector_search.name not in ("nearest", "none"),
    }
    for field, is_chosen in not_offered.items():
        if is_chosen:
            raise refused("signals" if field == "ranker" else field).about(PLAN[field])


def check_query(query: Query) -> None:
    """InvalidInput where a checked query asks for what is not offered."""
    if query.expansion is not None:
        raise refused("query_expansion")
    if query.granularity is not Granularity.SECTION:
        raise refused("granularity")
    if query.signals:
        raise refused("signals")
    if query.vectors:
        raise refused("vectors")
    if query.explain:
        raise refused("explain")
    reach = query.reach
    is_range = reach.similarity is not None and not query.text
    if reach not in (AS_KEPT, type(reach)(0)) and not is_range:
        raise refused("vector_search")
