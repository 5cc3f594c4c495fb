"""The contract as data, read from the descriptors: which RPCs there are, what may be repeated, and in which
fields requests name methods of a family.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google.longrunning import operations_proto_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from tieback import v1
from tieback.core.extensions import used
from tieback.services import further_services
from tieback.v1 import annotations_pb2

LONG_RUNNING = "google.longrunning.Operations"
"""The service that follows operations. Its contract marks no method as idempotent; all are."""


@dataclass(frozen=True, slots=True)
class ContractMethod:
    """An RPC: `path` as it stands on the wire; `idempotent` where calling twice is calling once."""

    path: str
    service: str
    request_streaming: bool
    response_streaming: bool
    idempotent: bool
    request: Descriptor
    response: Descriptor


def _files() -> list[FileDescriptor]:
    names = sorted(
        module.name for module in pkgutil.iter_modules(v1.__path__) if module.name.endswith("_pb2")
    )
    own = [importlib.import_module(f"{v1.__name__}.{name}").DESCRIPTOR for name in names]
    return [*own, operations_proto_pb2.DESCRIPTOR]


def _methods(files: Iterable[FileDescriptor]) -> dict[str, ContractMethod]:
    found = {}
    for file in files:
        for service in file.services_by_name.values():
            for method in service.methods:
                path = f"/{service.full_name}/{method.name}"
                level = method.GetOptions().idempotency_level
                found[path] = ContractMethod(
                    path=path,
                    service=service.full_name,
                    request_streaming=method.client_streaming,
                    response_streaming=method.server_streaming,
                    idempotent=level != MethodOptions.IDEMPOTENCY_UNKNOWN
                    or service.full_name == LONG_RUNNING,
                    request=method.input_type,
                    response=method.output_type,
                )
    return found


@dataclass(frozen=True, slots=True)
class MethodField:
    """A field in which requests of an RPC, "RouterService.Fuse", name a method; `path` as errors have it."""

    rpc: str
    path: str


def _method_fields() -> dict[str, list[MethodField]]:
    found: dict[str, list[MethodField]] = {}
    for method in METHODS.values():
        rpc = method.path.strip("/").rpartition(".")[2].replace("/", ".")
        for family, path in _named_in(method.request, frozenset()):
            found.setdefault(family, []).append(MethodField(rpc, path))
    return found


def _named_in(message: Descriptor, within: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Families with the paths of fields in a message; `within` are the messages that hold it."""
    for field in message.fields:
        if family := _family_of(field):
            yield family, field.name
        elif field.message_type is not None and field.message_type.full_name not in within:
            for inner, path in _named_in(field.message_type, within | {message.full_name}):
                yield inner, f"{field.name}.{path}"


def _family_of(field: FieldDescriptor) -> str:
    number = annotations_pb2.METHOD_FAMILY_FIELD_NUMBER
    options = field.GetOptions().ListFields()
    return next((str(value) for option, value in options if option.number == number), "")


METHODS = _methods(_files())
METHOD_OF = {method.request.full_name: method for method in METHODS.values()}
"""By the name of its request."""
METHOD_FIELDS = _method_fields()
"""By family, where requests name its methods."""
SERVICES = tuple(sorted({method.service for method in METHODS.values()}))


def methods() -> Mapping[str, ContractMethod]:
    """The RPCs by their paths, those of the extensions in use too."""
    return {**METHODS, **_further(used())}


@functools.cache
def _further(_: tuple[str, ...]) -> Mapping[str, ContractMethod]:
    return _methods(importlib.import_module(one.messages).DESCRIPTOR for one in further_services())
