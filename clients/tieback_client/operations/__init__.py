"""Every operation of the clients, without a transport.

A function here has the signature and the docstring that users see. It is a generator that yields the calls to
make, is sent the replies, and returns the result (`rpc.Operation`); or it returns a description of a stream,
of pages or of an exchange. `client` and `async_client` turn each into a method.
"""

from tieback_client.operations.answering import answer, generate, ingest, reindex, retrieve
from tieback_client.operations.encoding import encode, encode_stream, fuse, rerank
from tieback_client.operations.index import (
    collections,
    create_collection,
    delete,
    delete_collection,
    delete_source,
    get,
    get_collection,
    items,
    record_source,
    search,
    upsert,
    usage,
)
from tieback_client.operations.server import (
    endpoints,
    health,
    methods,
    models,
    server_info,
    space,
    spaces,
)
from tieback_client.operations.splitting import split

__all__ = [
    "answer",
    "collections",
    "create_collection",
    "delete",
    "delete_collection",
    "delete_source",
    "encode",
    "encode_stream",
    "endpoints",
    "fuse",
    "generate",
    "get",
    "get_collection",
    "health",
    "ingest",
    "items",
    "methods",
    "models",
    "record_source",
    "reindex",
    "rerank",
    "retrieve",
    "search",
    "server_info",
    "space",
    "spaces",
    "split",
    "upsert",
    "usage",
]
