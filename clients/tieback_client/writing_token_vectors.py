"""How token vectors are asked for, as a message."""

from __future__ import annotations

from tieback.v1 import index_pb2
from tieback_contract.field_path import FieldPath
from tieback_contract.vectors import SpaceRef

from tieback_client import writing
from tieback_client.errors import InvalidArgument
from tieback_client.token_vectors import TokenVectors, TokenVectorsLike


def token_vectors(value: TokenVectorsLike, field: FieldPath) -> index_pb2.TokenVectors | None:
    """The message; None where nothing is asked for."""
    if value is False:
        return None
    asked = TokenVectors() if value is True else value
    if not isinstance(asked, TokenVectors):
        raise InvalidArgument.at(field, f"give TokenVectors, or True, not {type(asked).__name__}")
    space = asked.space if isinstance(asked.space, SpaceRef) else SpaceRef(asked.space, "", "")
    return index_pb2.TokenVectors(
        space=writing.space_ref(space),
        width=asked.width,
        pooling=writing.method(asked.pooling, field["pooling"]),
        codec=writing.method(asked.codec, field["codec"]),
    )
