"""The index with its collections in Milvus, behind the same ports as the embedded store (`tieback.index`).

Milvus keeps vectors, words, facts and texts, and finds candidates. What a query means, how scores are
computed and merged, how sections become hits, who may see what, and what is refused is tieback's own, and
most of it is shared with the embedded store.

    service.py      the methods of the ports
    refusals.py     what is not offered, and what to do instead
    unsupported.py  the parts of the ports that are not offered at all
    connection.py   calls to Milvus: times, errors, Milvus Lite in this process
    schema.py       the collections in Milvus, and their fields
    catalog.py      which collections there are, whose, and their sources
    rows.py         sections as rows, and rows as items again
    facts.py        what filters read of a section
    sortable.py     values as text that sorts as they do
    filtering.py    a filter as an expression of Milvus
    words.py        words as sparse vectors, and their BM25 scores
    numbers.py      what a collection holds in all: BM25, filters and quotas need it
    turns.py        processes that write to one collection take turns
    items.py        items are written, removed, read and listed
    reading.py      what a search reads before Milvus is asked
    candidates.py   what Milvus finds, and its scores
    search.py       candidates become hits
"""

from tieback.milvus.service import MilvusIndex

__all__ = ["MilvusIndex"]
