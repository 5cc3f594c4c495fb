"""How token vectors are asked for, as callers say it and as a message."""

from __future__ import annotations

from typing import TypeAlias

from tieback.v1 import index_pb2
from tieback_contract.field_path import FieldPath
from tieback_contract.token_vectors import TokenVectors

from tieback_client.codec import writing
from tieback_client.errors import InvalidArgument

TokenVectorsLike: TypeAlias = TokenVectors | bool
"""True for the server's defaults, False to say nothing."""

_write = writing(TokenVectors, index_pb2.TokenVectors)


def write_token_vectors(value: TokenVectorsLike, field: FieldPath) -> index_pb2.TokenVectors | None:
    """The message; None where nothing is asked for."""
    if value is False:
        return None
    asked = TokenVectors() if value is True else value
    if not isinstance(asked, TokenVectors):
        raise InvalidArgument.at(field, f"give TokenVectors, or True, not {type(asked).__name__}")
    return _write(asked, field)
