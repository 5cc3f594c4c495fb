"""How a collection keeps token vectors, as it was answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from tieback_contract.vectors import SpaceRef

from tieback_client.token_vectors import TokenVectors


def token_vectors(message: Any) -> TokenVectors:
    """How they are kept."""
    space = SpaceRef(message.space.name, message.space.revision, message.space.fingerprint)
    pooling, codec = method(message.pooling), method(message.codec)
    return TokenVectors(space, message.width, pooling, codec, message.stored_bytes)


def method(message: Any) -> tuple[str, Mapping[str, object]]:
    """A method by name, with its parameters; whole numbers are int."""
    given = MessageToDict(message.parameters)
    whole = {name: int(value) if _is_whole(value) else value for name, value in given.items()}
    return message.name, whole


def _is_whole(value: object) -> bool:
    return isinstance(value, float) and value.is_integer()
