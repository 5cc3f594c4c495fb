"""How collections keep the vectors of tokens."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath, at
from tieback_contract.token_vectors import TokenVectors

from tieback.serving.conversions.codec import reading, writing
from tieback.v1 import index_pb2

FIELD = at("token_vectors")
_read = reading(TokenVectors, index_pb2.TokenVectors)
_write = writing(TokenVectors, index_pb2.TokenVectors)


def read_token_vectors(message: index_pb2.TokenVectors, field: FieldPath = FIELD) -> TokenVectors:
    """What is asked for, or how they are kept."""
    return _read(message, field)


def write_token_vectors(kept: TokenVectors | None) -> index_pb2.TokenVectors | None:
    """The message of how they are kept; None where they are not."""
    return None if kept is None else _write(kept)
