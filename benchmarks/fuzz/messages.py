"""Every request of the contract, valid and spoilt: read as the server's door does, then by every conversion.

What the gate lets pass must keep every bound once it is parsed, and no conversion of what a request holds may
raise anything but an error for the caller, told of a place that the message has. Answers of other servers are
read by conversions too; they are not made up here.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import random
import typing
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tieback.core.errors import TiebackError
from tieback.core.types.fusion import Routing
from tieback.serving import conversions
from tieback.serving.conversions import codec
from tieback.serving.requests.contract import METHODS
from tieback.serving.requests.limits import Gate, bound
from tieback.serving.requests.parsing import Reader
from tieback.serving.requests.wire import fields, read_text
from tieback.v1 import generator_pb2, query_pb2, router_pb2
from tieback_contract.field_path import FieldPath, at
from tieback_contract.generation import Grounding, SamplingParameters
from tieback_contract.limits import Limits
from tieback_contract.query import QueryOptions

from benchmarks.fuzz import wire
from benchmarks.fuzz.places import leads

LIMITS = Limits()
EMBEDDED: dict[type, type[Message]] = {
    QueryOptions: query_pb2.QueryOptions,
    Routing: router_pb2.Routing,
    Grounding: generator_pb2.Grounding,
    SamplingParameters: generator_pb2.SamplingParameters,
}
"""Parts of requests that no conversion reads by itself, by their values."""
FIELD = at("field")


class Messages:
    """The target."""

    name = "messages"

    def __init__(self) -> None:
        gate = Gate(LIMITS)
        kinds = {method.request.full_name: method.request for method in METHODS.values()}
        self._kinds = list(kinds.values())
        self._readers = {
            kind.full_name: Reader(kind, GetMessageClass(kind).FromString, LIMITS, gate)
            for kind in self._kinds
        }

    def run(self, source: random.Random) -> str:
        """One message."""
        kind = source.choice(self._kinds)
        data = wire.message(kind, source)
        if source.random() < 0.5:
            data = wire.spoilt(data, kind, source)
        try:
            request, _ = self._readers[kind.full_name].read_now(data)
        except TiebackError as error:
            placed(kind, error.field)
            return f"refused: {error.reason}"
        for part in parts(request):
            held(part)
        bare = request.SerializeToString()
        list(fields(bare))
        outcome = "read"
        with suppress(TiebackError):  # field 1 may be no text
            read_text(bare, 1)
        for part in parts(request):
            for read in readers().get(part.DESCRIPTOR.full_name, ()):
                try:
                    read(part, source)
                except TiebackError as error:
                    outcome = f"passed, then {error.reason}"
        return outcome


def parts(message: Message) -> Iterator[Message]:
    """A message and all that it holds."""
    yield message
    for one, value in message.ListFields():
        if one.message_type is None:
            continue
        if one.message_type.GetOptions().map_entry:
            inner = [entry for entry in value.values() if isinstance(entry, Message)]
        else:
            inner = value if one.is_repeated else [value]
        for each in inner:
            yield from parts(each)


def placed(kind: Descriptor, path: FieldPath | None) -> None:
    """Raises where an error is told of a place that the messages of a kind do not have."""
    if path is None or not leads(kind, path):
        raise AssertionError(f"{kind.full_name} has no place {path}")


def held(message: Message) -> None:
    """Raises where a message that was let pass holds more than it may."""
    for one, value in message.ListFields():
        limit = bound(one, LIMITS)
        if one.is_repeated and len(value) > limit.count:
            raise AssertionError(f"{one.full_name} holds {len(value)} and may hold {limit.count}")
        if one.type == FieldDescriptor.TYPE_STRING:
            for text in value if one.is_repeated else [value]:
                if len(text.encode()) > limit.bytes:
                    raise AssertionError(f"{one.full_name} is {len(text)} long and may be {limit.bytes}")


@functools.cache
def readers() -> dict[str, list[Callable[[Any, random.Random], object]]]:
    """The conversions from each kind of message, by its full name."""
    found: dict[str, list[Callable[[Any, random.Random], object]]] = {}
    seen: set[Callable[..., object]] = set()
    for info in pkgutil.iter_modules(conversions.__path__):
        module = importlib.import_module(f"{conversions.__name__}.{info.name}")
        for name, function in vars(module).items():
            is_own = getattr(function, "__module__", "") in (module.__name__, codec.__name__)
            if not is_own or not name.startswith("read_") or function in seen:
                continue
            first = next(iter(typing.get_type_hints(function).values()), None)
            if isinstance(first, type) and issubclass(first, Message):
                seen.add(function)
                found.setdefault(first.DESCRIPTOR.full_name, []).append(_called(function))
    for kind, message in EMBEDDED.items():
        read: Callable[..., object] = codec.reading(kind, message)
        found.setdefault(message.DESCRIPTOR.full_name, []).append(_called(read))
    return found


def _called(function: Callable[..., object]) -> Callable[[Any, random.Random], object]:
    names = inspect.signature(function).parameters

    def call(message: Any, source: random.Random) -> object:
        more: dict[str, object] = {"field": FIELD} if "field" in names else {}
        if "rank" in names:
            more["rank"] = source.choice((1, 2))
        try:
            return function(message, **more)
        except TiebackError as error:
            if "field" in names:
                placed(message.DESCRIPTOR, error.field.below(FIELD))
            raise

    return call


TARGET = Messages()
