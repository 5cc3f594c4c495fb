"""The index service: collections of items that are durable in LanceDB and searched in memory by faiss.

`service.py` has the methods of `IndexPort`. It finds the collection (`collection.py`, `ownership.py`), hands
the work on, and reports the time:

    items.py     items are checked and admitted (`tieback.collections`), and written (`writer.py`)
    query/       a search, from what was asked to a ranking; stages/   from that to hits
    vectors/     vectors in memory, and what is learned of them
    memory/      one collection in memory, rebuilt from its table at start
    store/       the folder of all collections, their tables, and the originals
    migration/   collections on their way to another space, or encoded again
    snapshots/   collections as they were, exported and imported
"""

from tieback.index import lance  # noqa: F401 - first: it loads PyArrow without pandas
from tieback.index.service import Index

__all__ = ["Index"]
