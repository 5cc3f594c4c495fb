"""The clients with the procedures of the lab, for servers that use it (TIEBACK_EXTENSIONS=lab).

A server that does not answers `Unimplemented`.
"""

from __future__ import annotations

import tieback_client
from tieback_client.transport.codec import CODEC, writing
from tieback_client.transport.rpc import Procedure, UnaryCall, rpcs_of
from tieback_client.transport.surface import unary
from tieback_client.values import content
from tieback_contract.field_path import at

from tieback_lab.contract.demonstrations import Demonstration, StoredDemonstration
from tieback_lab.v1 import demonstration_pb2

RPCS = rpcs_of(demonstration_pb2)


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


class DemonstrationsMethods:
    """The methods of both clients."""

    put_demonstration = unary(put_demonstration)
    demonstrations = unary(demonstrations)
    delete_demonstration = unary(delete_demonstration)


class Client(DemonstrationsMethods, tieback_client.Client):
    """`tieback_client.Client`, and the lab's procedures."""


class AsyncClient(DemonstrationsMethods, tieback_client.AsyncClient):
    """`tieback_client.AsyncClient`, and the lab's procedures."""
