"""A coarse search that is wider or narrower than the collection's own, and an exact order of what it chose.

A walk along a graph has `breadth` times the effort (Malkov and Yashunin 2016, arXiv:1603.09320), lists are
looked into `breadth` times as many (the probes of FAISS, Douze et al. 2024, arXiv:2401.08281), and rows of
a codec choose `breadth` times as many candidates. Less is faster and finds less. Where a collection
compares every section anyway, it has no effect.
"""

from typing import Annotated

from pydantic import Field

from tieback.methods.vector_search import Reach, vector_searches


@vector_searches.method
def coarse_to_fine(*, breadth: Annotated[float, Field(ge=0.01, le=1000)] = 4.0) -> Reach:
    """Looks at so many times as many lists or candidates."""
    return Reach(breadth)
