"""All sections that are at least so similar to the vector (range search), and no others.

Every section is compared. Words, documents and reranking choose among these sections alone; as many are given
as the limit allows. A similarity means something else in every space, so the threshold is one of the space.
"""

from typing import Annotated

from pydantic import Field

from tieback.methods.vector_search import EVERY, Reach, vector_searches


@vector_searches.method
def within(*, similarity: Annotated[float, Field(ge=-1e6, le=1e6)] = 0.5) -> Reach:
    """Leaves out what is less similar."""
    return Reach(EVERY, similarity=similarity)
