"""The RPCs of the contract as the services' ports have them: messages on the wire, values on both sides.

Names, messages and streams are read off the descriptors, the values off the ports. The rest of an RPC is data
here: a conversion for a value that is not as its message.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, make_dataclass
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tieback_contract.answers import GenerationEvent
from tieback_contract.shapes import beside_of, is_alone

from tieback import operation_ports, ports
from tieback.core.types.encoding import EncodeRequest, SplitTextsRequest
from tieback.core.types.operation import OperationRecord
from tieback.core.types.rerank import RerankReply, RerankRequest
from tieback.core.types.retrieval import AnswerEvent
from tieback.core.types.search import SearchReply, SearchRequest
from tieback.serving.conversions import contents, requests, retrievals, routings, searches  # noqa: F401 - what they register converters for is named nowhere else
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.generations import read_event, write_event
from tieback.serving.conversions.reranking import read_rerank_reply, write_rerank_reply
from tieback.serving.requests.contract import ContractMethod, methods


class Conversion(NamedTuple):
    """Functions between a value and its message."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Message]


def _no_operation(_: Any) -> Any:
    raise NotImplementedError("no service asks another one for an operation")


def _write_operation(record: OperationRecord) -> Message:
    # Only the process with the operations has what their results are read by.
    from tieback.serving.conversions.operations import operation_message

    message: Message = operation_message(record)
    return message


CONVERSIONS: Mapping[Any, Conversion] = {
    EncodeRequest: Conversion(requests.read_encode, requests.write_encode),
    SplitTextsRequest: Conversion(requests.read_split, requests.write_split),
    RerankRequest: Conversion(requests.read_rerank, requests.write_rerank),
    RerankReply: Conversion(read_rerank_reply, write_rerank_reply),
    SearchRequest: Conversion(searches.read_search_request, searches.write_search_request),
    SearchReply: Conversion(searches.read_search_reply, searches.write_search_reply),
    GenerationEvent: Conversion(read_event, write_event),
    AnswerEvent: Conversion(retrievals.read_answer_event, retrievals.write_answer_event),
    OperationRecord: Conversion(_no_operation, _write_operation),
}
"""Of values that are not as their messages."""


class Alone(NamedTuple):
    """The field of a request whose elements fail alone, with the lists `beside` it that have one for each.

    The reply has `results`, one for each of those elements.
    """

    field: str
    beside: tuple[str, ...]


class Arguments(NamedTuple):
    """The arguments of a method whose request is a few plain fields, by name."""

    by_name: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rpc:
    """An RPC: its method of the contract, and that of the port."""

    method: ContractMethod
    name: str
    """The port's method."""
    signature: inspect.Signature | None
    """That method's, where it takes the fields of the request as arguments; None where it takes a request."""
    request: Conversion
    reply: Conversion
    """Of the reply, or of each event of a stream."""
    request_message: type[Message]
    reply_message: type[Message]
    alone: Alone | None


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def rpcs_of(service: str, port: type) -> dict[str, Rpc]:
    """The RPCs of a service of the contract that are methods of a port, by the names of these.

    The method `split_texts(request, call)` is the RPC SplitTexts. Where a request is a few plain fields, the
    method takes these: `get_collection(name)`. A stream of requests is `fuse_stream(requests, call)`. A reply
    of one field is that field, and one of several that has no value of its own is a tuple of them.
    """
    found = {}
    for path, method in methods().items():
        name = _CAPITAL.sub("_", path.rpartition("/")[2]).lower()
        if method.service == service and hasattr(port, name):
            found[name] = _rpc(method, name, getattr(port, name))
    return found


def _rpc(method: ContractMethod, name: str, function: Callable[..., Any]) -> Rpc:
    hints = get_type_hints(function)
    kind, reply = hints.get("request"), hints["return"]
    if method.request_streaming:
        (kind,) = get_args(hints["requests"])
    if method.response_streaming:
        (reply,) = get_args(reply)
    asked, answered = GetMessageClass(method.request), GetMessageClass(method.response)
    signature = None if kind is not None else inspect.signature(function)
    return Rpc(
        method=method,
        name=name,
        signature=signature,
        request=_arguments(signature, hints, asked) if signature is not None else _conversion(kind, asked),
        reply=_conversion(reply, answered) if _has_own(reply) else _fields(reply, answered),
        request_message=asked,
        reply_message=answered,
        alone=None if kind is None else _alone(kind),
    )


def _conversion(kind: Any, message: type[Message]) -> Conversion:
    own = CONVERSIONS.get(kind)
    return own or Conversion(reading(kind, message), writing(kind, message))


def _has_own(reply: Any) -> bool:
    """Tell whether a reply is a value of its own, or what it converts by."""
    return reply in CONVERSIONS or (isinstance(reply, type) and reply.__name__.endswith("Reply"))


def _alone(kind: type) -> Alone | None:
    fields = dataclasses.fields(kind)
    named = next((one.name for one in fields if is_alone(one.metadata)), None)
    if named is None:
        return None
    return Alone(named, tuple(one.name for one in fields if beside_of(one.metadata) == named))


def _arguments(signature: inspect.Signature, hints: Mapping[str, Any], message: type[Message]) -> Conversion:
    """The conversion between a message and the arguments of a method."""
    given = [one for one in signature.parameters.values() if one.name not in ("self", "call")]
    fields: list[Any] = [
        (one.name, hints[one.name])
        if one.default is one.empty
        else (one.name, hints[one.name], dataclasses.field(default=one.default))
        for one in given
    ]
    name = f"{message.DESCRIPTOR.name}Arguments"
    kind: Any = make_dataclass(name, fields, frozen=True, slots=True)
    read, write = reading(kind, message), writing(kind, message)
    names = [one.name for one in given]

    def read_arguments(asked: Any) -> Arguments:
        value = read(asked)
        return Arguments({name: getattr(value, name) for name in names})

    def write_arguments(arguments: Arguments) -> Message:
        return write(kind(**arguments.by_name))

    return Conversion(read_arguments, write_arguments)


def _fields(reply: Any, message: type[Message]) -> Conversion:
    """The conversion between a message and its fields: none, one, or a tuple of them."""
    descriptor = message.DESCRIPTOR
    names = [one.name for one in descriptor.fields]
    if not names:
        return Conversion(lambda _: None, lambda _: message())
    is_named = isinstance(reply, type) and issubclass(reply, tuple)
    hints: Any = get_args(reply) if get_origin(reply) is tuple else (reply,)
    if is_named:
        hints = get_type_hints(reply).values()
    make: Callable[[Any], Any] = reply._make if is_named else tuple
    kind: Any = make_dataclass(
        f"{descriptor.name}Fields", list(zip(names, hints, strict=True)), frozen=True, slots=True
    )
    read, write = reading(kind, message), writing(kind, message)
    if len(names) == 1:
        return Conversion(lambda reply: getattr(read(reply), names[0]), lambda value: write(kind(value)))
    return Conversion(
        lambda reply: make(dataclasses.astuple(read(reply))), lambda values: write(kind(*values))
    )


ENCODER = rpcs_of("tieback.v1.EncoderService", ports.EncoderPort)
ROUTER = rpcs_of("tieback.v1.RouterService", ports.RouterPort)
INDEX = rpcs_of("tieback.v1.IndexService", ports.IndexPort)
SNAPSHOTS = rpcs_of("tieback.v1.IndexService", operation_ports.SnapshotsPort)
OPERATIONS = rpcs_of("tieback.v1.OperationService", operation_ports.OperationsPort)
STORED = rpcs_of("tieback.v1.IndexService", ports.StoredItemsPort)
RERANKER = rpcs_of("tieback.v1.RerankerService", ports.RerankerPort)
GENERATOR = rpcs_of("tieback.v1.GeneratorService", ports.GeneratorPort)
GROUNDING = rpcs_of("tieback.v1.GroundingService", ports.GroundingPort)
RECOGNISER = rpcs_of("tieback.v1.RecognitionService", ports.RecogniserPort)
CLASSIFIER = rpcs_of("tieback.v1.ClassifierService", ports.ClassifierPort)
TEXT_CLASSIFIER = rpcs_of("tieback.v1.TextClassifierService", ports.TextClassifierPort)
ANSWER = rpcs_of("tieback.v1.AnswerService", ports.AnswerPort)
