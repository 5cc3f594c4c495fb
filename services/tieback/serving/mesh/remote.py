"""Services as others see them over the wire: their ports, by calls on the mesh."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Mapping

from tieback.core.call import Call
from tieback.core.types.encoding import (
    EncodeReply,
    EncodeRequest,
    SplitReply,
    SplitTextsRequest,
    unknown_space,
)
from tieback.ports import EncoderPort
from tieback.serving.mesh import Mesh, directory
from tieback.serving.mesh.remote_index import remote_index
from tieback.serving.mesh.remote_port import remote
from tieback.serving.plan import Plan
from tieback.serving.plan.assembly import Ports
from tieback.serving.requests import rpcs
from tieback.serving.settings import Settings


class RemoteEncoder:
    """All encoders: the space decides which deployment is called. `other` encodes for spaces of none."""

    other: EncoderPort | None = None

    def __init__(self, mesh: Mesh, spaces: Names[str]) -> None:
        self._spaces = spaces
        self._remote: EncoderPort = remote(mesh, rpcs.ENCODER, self._target)

    async def encode(self, request: EncodeRequest, call: Call) -> EncodeReply:
        """One result per content, in order."""
        other = None if request.space in self._spaces else self.other
        return await (other or self._remote).encode(request, call)

    async def split_texts(self, request: SplitTextsRequest, call: Call) -> SplitReply:
        """Where to cut texts so that the space reads every piece to its end."""
        return await self._remote.split_texts(request, call)

    def _target(self, request: EncodeRequest | SplitTextsRequest) -> str:
        if request.space not in self._spaces:
            raise unknown_space(request.space, self._spaces)
        return directory.encoder(request.space)


def remote_ports(mesh: Mesh, plan: Plan, settings: Settings, deployments: Mapping[str, str]) -> Ports:
    """All services that are served, over the wire; `deployments` answer their calls, by service."""
    ports = Ports()
    ports.encoder = RemoteEncoder(mesh, [card.name for card in plan.encoders])
    # Few processes load the binding, which decides whether the router is served.
    ports.router = remote(mesh, rpcs.ROUTER, directory.ROUTER)
    ports.index = remote_index(mesh, settings.message_bytes)
    ports.reranker = remote(mesh, rpcs.RERANKER, directory.RERANKER) if plan.reranks else None
    if plan.answers:
        ports.generator = remote(mesh, rpcs.GENERATOR, deployments["tieback.v1.GeneratorService"])
    ports.recogniser = remote(mesh, rpcs.RECOGNISER, directory.RECOGNISER) if plan.recognisers else None
    if plan.text_classifiers:
        ports.text_classifier = remote(mesh, rpcs.TEXT_CLASSIFIER, directory.CLASSIFIER)
    ports.checkers = {
        card.name: remote(mesh, rpcs.GROUNDING, directory.checker(card.name)) for card in plan.checkers
    }
    if plan.reads_text:
        ports.grounding = remote(mesh, rpcs.GROUNDING, deployments["tieback.v1.GroundingService"])
    return ports
