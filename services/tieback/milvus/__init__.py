"""The index with its collections in Milvus, behind the same ports as the embedded store (`tieback.index`).

Milvus keeps vectors, words, facts and texts, and finds candidates. What a query means, how scores are
computed and merged, how sections become hits, who may see what, and what is refused is tieback's own, and
most of it is shared with the embedded store. `refusals.py` has what is not offered, and what to do instead.
"""

from tieback.milvus.service import MilvusIndex

__all__ = ["MilvusIndex"]
