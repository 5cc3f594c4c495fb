"""Rules of collections, whichever store keeps them: what they hold, what they are asked, and how hits rank.

The embedded store (`tieback.index`) and the one in Milvus (`tieback.milvus`) are made of them:

    description.py, creation.py, served.py      what a collection is, and which there may be
    validation.py, record.py                    items become records
    metadata.py, sources.py, token_coding.py    parts of items
    quotas.py, visibility.py                    how much a tenant stores, and which collections it knows of
    query.py, readers.py, pages.py              what is asked for, by how many at once, in which pieces
    words/                                      full text: terms, BM25, where words stand
    balance.py, grouping.py, diversity.py, highlights.py    what is found becomes hits
"""
