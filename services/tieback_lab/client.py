"""The clients with the procedures of the lab, for servers that use it (TIEBACK_EXTENSIONS=lab).

A server that does not answers `Unimplemented`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tieback_client
from tieback_client.messages import reading
from tieback_client.reports import CallInfo
from tieback_client.transport.codec import CODEC, writing
from tieback_client.transport.exchange import Exchange
from tieback_client.transport.rpc import Procedure, UnaryCall, rpcs_of
from tieback_client.transport.surface import replies, unary
from tieback_client.values import content
from tieback_client.values.batch import Batch
from tieback_contract.encodings import Encoding
from tieback_contract.field_path import at

from tieback_lab.contract.demonstrations import Demonstration, StoredDemonstration
from tieback_lab.contract.fusion import FusedThing, FusionDescription, Thing, ThingPart
from tieback_lab.v1 import demonstration_pb2, fusion_pb2

RPCS = rpcs_of(demonstration_pb2)
FUSIONS = rpcs_of(fusion_pb2)


def put_demonstration(
    demonstration: Demonstration, *, timeout: float | None = None
) -> Procedure[StoredDemonstration]:
    """Keeps a demonstration, in place of one of the same id; `Grounding.soft_prompt` names it.

    `Unimplemented` where the server has no compression of demonstrations.
    """
    message = _demonstration(demonstration, at("demonstration"))
    request = demonstration_pb2.PutDemonstrationRequest(demonstration=message)
    reply = yield UnaryCall(RPCS["PutDemonstration"], request, timeout)
    return _stored(reply.message.stored)


def demonstrations(*, timeout: float | None = None) -> Procedure[list[StoredDemonstration]]:
    """The demonstrations of this tenant by id."""
    request = demonstration_pb2.ListDemonstrationsRequest()
    reply = yield UnaryCall(RPCS["ListDemonstrations"], request, timeout)
    return [_stored(one) for one in reply.message.demonstrations]


def delete_demonstration(id: str, *, timeout: float | None = None) -> Procedure[None]:
    """Removes a demonstration. `NotFound`, with the choices, where there is none."""
    request = demonstration_pb2.DeleteDemonstrationRequest(id=content.text(id, at("id")))
    yield UnaryCall(RPCS["DeleteDemonstration"], request, timeout)


_demonstration = writing(Demonstration, demonstration_pb2.Demonstration)
_stored = CODEC.reader(StoredDemonstration, demonstration_pb2.StoredDemonstration.DESCRIPTOR)


@dataclass(frozen=True, slots=True)
class FusedThings(Batch[FusedThing]):
    """The outcome of `fuse_parts`: a vector per thing."""


def fuse_parts(
    fusion: str,
    things: Iterable[Thing | Mapping[str, Encoding]],
    *,
    explain: bool = False,
    refuse_missing: bool = False,
    timeout: float | None = None,
) -> Procedure[FusedThings]:
    """Fuses the parts of things by a learned fusion of the server (`tieback train fusion`).

    A thing is its parts by their names, such as ``{"title": encoding}``, or a `Thing` where it has a
    condition or goes on from a state. A part may be missing: what is done then is the fusion's, unless
    `refuse_missing` refuses such things. `explain` gives the weight of each part, and a vector after each
    where the fusion takes them one after another. The vectors are in a space of the fusion's own, which
    collections can be in (`fusions` has it, for `create_collection`); `upsert` stores them and `search` finds
    by them. A thing that fails does not fail the others. `NotFound`, with the choices, for an unknown fusion.
    """
    request = fusion_pb2.FuseRequest(
        fusion=content.text(fusion, at("fusion")),
        things=[_thing(_as_thing(one), at("things", place)) for place, one in enumerate(things)],
        explain=explain,
        refuse_missing=refuse_missing,
    )
    reply = yield UnaryCall(FUSIONS["Fuse"], request, timeout)
    outcomes = reading.outcomes(reply.message.results, _fused, reply.info)
    return FusedThings(outcomes, reading.timing(reply.message.timing), reply.info)


def fuse_stream(
    fusion: str,
    parts: Iterable[Thing | Mapping[str, Encoding]] | AsyncIterable[Thing | Mapping[str, Encoding]],
    *,
    explain: bool = False,
    refuse_missing: bool = False,
    timeout: float | None = None,
) -> Exchange[FusedThing]:
    """Fuses one thing whose parts come one after another, over one call.

    Gives what is known after each of `parts`. These are as the things of `fuse_parts`, and are drawn one by
    one: the next when the reply to the last was taken. What one costs does not depend on those before. A
    first one that is a `Thing` with the `state` of a reply, and its `present` as `seen`, goes on from there;
    so does this by itself where the connection breaks. The first error ends the stream. `InvalidArgument`
    for a fusion that reads all parts at once; `NotFound`, with the choices, for an unknown one.
    """
    name = content.text(fusion, at("fusion"))
    last: list[fusion_pb2.FusedThing] = []

    def request(things: Sequence[Any], _: int) -> fusion_pb2.FuseStreamRequest:
        return fusion_pb2.FuseStreamRequest(
            fusion=name, thing=next(iter(things), None), explain=explain, refuse_missing=refuse_missing
        )

    def again(request: fusion_pb2.FuseStreamRequest) -> fusion_pb2.FuseStreamRequest:
        if last and not request.thing.HasField("state"):
            request.thing.state.CopyFrom(last[0].state)
            request.thing.seen[:] = last[0].present
        return request

    def result(response: Any, request: Any, info: CallInfo) -> FusedThing:  # noqa: ARG001 - of an exchange
        last[:] = [response.fused]
        return _fused(response.fused)

    return Exchange(
        FUSIONS["FuseStream"], parts, lambda one, place: _thing(_as_thing(one), place), request, result,
        batch=1, in_flight=1, timeout=timeout, name="parts", again=again,
    )  # fmt: skip


def fusions(*, timeout: float | None = None) -> Procedure[list[FusionDescription]]:
    """The learned fusions of the server by name, with what each pattern of parts is worth."""
    reply = yield UnaryCall(FUSIONS["ListFusions"], fusion_pb2.ListFusionsRequest(), timeout)
    return [_description(one) for one in reply.message.fusions]


def _as_thing(given: Thing | Mapping[str, Encoding]) -> Thing:
    if isinstance(given, Thing):
        return given
    return Thing([ThingPart(name, encoding) for name, encoding in given.items()])


_thing = writing(Thing, fusion_pb2.Thing)
_fused = CODEC.reader(FusedThing, fusion_pb2.FusedThing.DESCRIPTOR)
_description = CODEC.reader(FusionDescription, fusion_pb2.FusionDescription.DESCRIPTOR)


class LabMethods:
    """The methods of both clients."""

    put_demonstration = unary(put_demonstration)
    demonstrations = unary(demonstrations)
    delete_demonstration = unary(delete_demonstration)
    fuse_parts = unary(fuse_parts)
    fuse_stream = replies(fuse_stream)
    fusions = unary(fusions)


class Client(LabMethods, tieback_client.Client):
    """`tieback_client.Client`, and the lab's procedures."""


class AsyncClient(LabMethods, tieback_client.AsyncClient):
    """`tieback_client.AsyncClient`, and the lab's procedures."""
