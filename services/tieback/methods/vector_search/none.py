"""No search by the vector: full text alone. Nothing is encoded."""

from tieback.methods.vector_search import Reach, vector_searches


@vector_searches.method
def none() -> Reach:
    """Has no parameters."""
    return Reach(0)
