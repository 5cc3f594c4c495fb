"""Collections, and how they keep the vectors of tokens."""

from __future__ import annotations

from tieback_contract.field_path import at
from tieback_contract.token_vectors import TokenVectors

from tieback.core.types.collection import StoredCollection
from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import index_pb2

write_collection = writing(StoredCollection, index_pb2.Collection)
_read_token_vectors = reading(TokenVectors, index_pb2.TokenVectors)


def read_token_vectors(message: index_pb2.TokenVectors) -> TokenVectors:
    """What is asked for, as the field of that name of a request."""
    return _read_token_vectors(message, at("token_vectors"))
