"""Compares the vector with every section (brute force), past lists and shortlists.

By a codec for shortlists it reads all vectors from disk, which takes as long as that.
"""

from tieback.methods.vector_search import EVERY, Reach, vector_searches


@vector_searches.method
def exact() -> Reach:
    """Has no parameters."""
    return Reach(EVERY)
