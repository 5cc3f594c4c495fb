"""Converts messages of the contract to descriptions of a server and of a tenant."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tieback.v1 import catalog_pb2, tenant_pb2
from tieback_contract.catalog import Model, Space

from tieback_client.transport.codec import CODEC
from tieback_client.values import catalog

HEALTH = tuple(catalog.Health)
space: Callable[[Any], Space] = CODEC.reader(Space, catalog_pb2.Space.DESCRIPTOR)
model: Callable[[Any], Model] = CODEC.reader(Model, catalog_pb2.Model.DESCRIPTOR)
server_info = CODEC.reader(catalog.ServerInfo, catalog_pb2.GetServerInfoResponse.DESCRIPTOR)
usage = CODEC.reader(catalog.Usage, tenant_pb2.Usage.DESCRIPTOR)


def method(message: Any) -> catalog.Method:
    """A method with the schema of its parameters."""
    schema = json.loads(message.parameters_schema) if message.parameters_schema else {}
    return catalog.Method(message.family, message.name, message.summary, schema)
