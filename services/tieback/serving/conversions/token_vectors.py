"""How collections keep the vectors of tokens."""

from __future__ import annotations

from tieback_contract.field_path import FieldPath, at

from tieback.core.types.token_vectors import TokenVectors
from tieback.serving.conversions.reports import read_method, write_method
from tieback.serving.conversions.vectors import read_space, write_space
from tieback.v1 import index_pb2

FIELD = at("token_vectors")


def read_token_vectors(message: index_pb2.TokenVectors, field: FieldPath = FIELD) -> TokenVectors:
    """What is asked for, or how they are kept."""
    return TokenVectors(
        read_space(message.space),
        message.width,
        read_method(message.pooling, field["pooling"]),
        read_method(message.codec, field["codec"]),
    )


def write_token_vectors(kept: TokenVectors | None, stored_bytes: int = 0) -> index_pb2.TokenVectors | None:
    """The message of how they are kept; None where they are not."""
    if kept is None:
        return None
    return index_pb2.TokenVectors(
        space=write_space(kept.space),
        width=kept.width,
        pooling=write_method(kept.pooling),
        codec=write_method(kept.codec),
        stored_bytes=stored_bytes,
    )
