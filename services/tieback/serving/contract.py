"""The contract as data, read from the descriptors: which methods there are and what may be repeated."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass

from google.longrunning import operations_proto_pb2
from google.protobuf.descriptor import Descriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from tieback import v1

LONG_RUNNING = "google.longrunning.Operations"
"""The service that follows operations. Its contract says of no method that it may be repeated; all may."""


@dataclass(frozen=True, slots=True)
class Method:
    """An RPC: `path` as it stands on the wire; `idempotent` where calling twice is calling once."""

    path: str
    service: str
    request_streaming: bool
    response_streaming: bool
    idempotent: bool
    request: Descriptor


def _files() -> list[FileDescriptor]:
    names = sorted(
        module.name for module in pkgutil.iter_modules(v1.__path__) if module.name.endswith("_pb2")
    )
    own = [importlib.import_module(f"{v1.__name__}.{name}").DESCRIPTOR for name in names]
    return [*own, operations_proto_pb2.DESCRIPTOR]


def _methods() -> dict[str, Method]:
    found = {}
    for file in _files():
        for service in file.services_by_name.values():
            for method in service.methods:
                path = f"/{service.full_name}/{method.name}"
                level = method.GetOptions().idempotency_level
                found[path] = Method(
                    path=path,
                    service=service.full_name,
                    request_streaming=method.client_streaming,
                    response_streaming=method.server_streaming,
                    idempotent=level != MethodOptions.IDEMPOTENCY_UNKNOWN
                    or service.full_name == LONG_RUNNING,
                    request=method.input_type,
                )
    return found


METHODS = _methods()
SERVICES = tuple(sorted({method.service for method in METHODS.values()}))
