"""The RPCs of the contract as the services' ports have them: messages on the wire, values on both sides.

Names, messages and streams are read off the descriptors, the values off the ports. The rest of an RPC is data
here: a conversion for a value that is not as its message, and the field whose elements fail alone.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, get_args, get_type_hints

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from tieback_contract.answers import GenerationEvent
from tieback_contract.wire import beside_of, is_alone

from tieback import ports
from tieback.core.types.encoding import EncodeRequest, SplitTextsRequest
from tieback.core.types.rerank import RerankReply, RerankRequest
from tieback.serving.contract import METHODS, ContractMethod
from tieback.serving.conversions import contents, groundings, recognition, requests, routings  # noqa: F401 - converters
from tieback.serving.conversions.codec import reading, writing
from tieback.serving.conversions.generations import read_event, write_event
from tieback.serving.conversions.reranking import read_rerank_reply, write_rerank_reply


class Conversion(NamedTuple):
    """Functions between a value and its message."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Message]


CONVERSIONS: Mapping[Any, Conversion] = {
    EncodeRequest: Conversion(requests.read_encode, requests.write_encode),
    SplitTextsRequest: Conversion(requests.read_split, requests.write_split),
    RerankRequest: Conversion(requests.read_rerank, requests.write_rerank),
    RerankReply: Conversion(read_rerank_reply, write_rerank_reply),
    GenerationEvent: Conversion(read_event, write_event),
}
"""Of values that are not as their messages."""


class Alone(NamedTuple):
    """The field of a request whose elements fail alone, with the lists `beside` it that have one for each.

    The reply has `results`, one for each of those elements.
    """

    field: str
    beside: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rpc:
    """An RPC: its method of the contract, and that of the port."""

    method: ContractMethod
    name: str
    """The port's method."""
    request: Conversion
    reply: Conversion
    """Of the reply, or of each event of a stream."""
    request_message: type[Message]
    reply_message: type[Message]
    alone: Alone | None


_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


def rpcs_of(service: str, port: type) -> dict[str, Rpc]:
    """The RPCs of a service of the contract that are methods of a port, by the names of these.

    The method `split_texts` with the arguments `request` and `call` is the RPC SplitTexts.
    """
    found = {}
    for path, method in METHODS.items():
        name = _CAPITAL.sub("_", path.rpartition("/")[2]).lower()
        if method.service != service or not hasattr(port, name):
            continue
        hints = get_type_hints(getattr(port, name))
        if "request" not in hints:
            continue
        kind, reply = hints["request"], hints["return"]
        if method.response_streaming:
            (reply,) = get_args(reply)
        asked, answered = GetMessageClass(method.request), GetMessageClass(method.response)
        found[name] = Rpc(
            method=method,
            name=name,
            request=_conversion(kind, asked),
            reply=_conversion(reply, answered),
            request_message=asked,
            reply_message=answered,
            alone=_alone(kind),
        )
    return found


def _alone(kind: type) -> Alone | None:
    fields = dataclasses.fields(kind)
    named = next((one.name for one in fields if is_alone(one.metadata)), None)
    if named is None:
        return None
    return Alone(named, tuple(one.name for one in fields if beside_of(one.metadata) == named))


def _conversion(kind: Any, message: type[Message]) -> Conversion:
    own = CONVERSIONS.get(kind)
    return own or Conversion(reading(kind, message), writing(kind, message))


ENCODER = rpcs_of("tieback.v1.EncoderService", ports.EncoderPort)
ROUTER = rpcs_of("tieback.v1.RouterService", ports.RouterPort)
RERANKER = rpcs_of("tieback.v1.RerankerService", ports.RerankerPort)
GENERATOR = rpcs_of("tieback.v1.GeneratorService", ports.GeneratorPort)
GROUNDING = rpcs_of("tieback.v1.GroundingService", ports.GroundingPort)
RECOGNISER = rpcs_of("tieback.v1.RecognitionService", ports.RecogniserPort)
