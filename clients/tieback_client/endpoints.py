"""The replicas of a service that a client may ask without the server in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tieback.v1 import catalog_pb2
from tieback_contract.server import Endpoint

from tieback_client.codec import CODEC


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The replicas of one service; none where the deployment offers none."""

    replicas: Sequence[Endpoint]
    """The replicas."""
    valid: float
    """For how many seconds to keep the list."""


_endpoint = CODEC.reader(Endpoint, catalog_pb2.Endpoint.DESCRIPTOR)


def endpoints(message: Any) -> Endpoints:
    """The replicas as a server lists them."""
    return Endpoints(list(map(_endpoint, message.endpoints)), message.valid_ms / 1000)
