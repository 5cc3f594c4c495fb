"""tieback.v1.CatalogService: read from cards, method folders and settings, the facts' only homes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from tieback_contract.answers import AnswerStyle
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.query import RetrievalPlan
from tieback_contract.server import Endpoint, ServiceState
from tieback_contract.vectors import SpaceRef, VectorKind

import tieback
from tieback.catalog.card import Card, EncoderCard, GeneratorCard, RecogniserCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.options import LabelRecogniser
from tieback.core.errors import NotFound
from tieback.core.family import Family
from tieback.serving.conversions.codec import writing
from tieback.serving.conversions.contents import write_modality
from tieback.serving.conversions.generations import write_style
from tieback.serving.conversions.retrievals import write_plan
from tieback.serving.conversions.vectors import write_kinds, write_space
from tieback.v1 import catalog_pb2, catalog_pb2_grpc, content_pb2

if TYPE_CHECKING:
    from tieback import router

Context = grpc.aio.ServicerContext[Any, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class JointSpace:
    """The joint space as the router describes it."""

    ref: SpaceRef
    width: int
    modalities: tuple[Modality, ...]
    blocks: tuple[tuple[str, int], ...] = ()
    projections: tuple[str, ...] = ()
    binding: str = ""
    encoders: frozenset[str] = frozenset()

    @classmethod
    def of(cls, space: router.JointSpace, encoders: Mapping[Modality, Sequence[str]]) -> JointSpace:
        """The router's joint space, entered by these encoders of each modality."""
        blocks = tuple((one.space.name, one.width) for one in space.components)
        every = frozenset(name for names in encoders.values() for name in names)
        return cls(space.ref, space.width, tuple(encoders), blocks, space.projections, space.binding, every)

    def takes(self, card: EncoderCard) -> bool:
        """Whether contents enter by that encoder."""
        return card.name in self.encoders


_write_limits = writing(Limits, catalog_pb2.Limits)
_write_state = writing(ServiceState, catalog_pb2.ServiceState)
_write_endpoint = writing(Endpoint, catalog_pb2.Endpoint)
ENDPOINTS_MS = 10_000
"""How long clients keep a list of replicas. One that has gone is noticed at once by who calls it."""

Endpoints = Callable[[str], Sequence[Endpoint]]
States = Callable[[], Awaitable[Sequence[ServiceState]]]


@dataclass(frozen=True, slots=True)
class Offered:
    """Facts that a server tells of what it offers."""

    encoders: Sequence[EncoderCard]
    generators: Sequence[GeneratorCard]
    rerankers: Sequence[RerankerCard]
    checkers: Sequence[CheckerCard]
    recognisers: Sequence[RecogniserCard]
    joint: JointSpace | None
    families: Iterable[Family[Any]]
    default_space: str
    limits: Limits
    retrieval: RetrievalPlan
    states: States
    endpoints: Endpoints
    styles: Sequence[AnswerStyle] = ()


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Describes what this server offers."""

    def __init__(self, parts: Offered) -> None:
        self._encoders = {card.name: card for card in parts.encoders}
        self._generators = list(parts.generators)
        self._rerankers = list(parts.rerankers)
        self._checkers = list(parts.checkers)
        self._recognisers = list(parts.recognisers)
        self._joint = parts.joint
        self._families = {family.name: family for family in parts.families}
        self._default_space = parts.default_space
        self._limits = parts.limits
        self._retrieval = parts.retrieval
        self._states = parts.states
        self._endpoints = parts.endpoints
        self._styles = parts.styles

    async def ListSpaces(
        self, request: catalog_pb2.ListSpacesRequest, context: Context
    ) -> catalog_pb2.ListSpacesResponse:
        """Lists the spaces, the joint one last."""
        ready = await self._ready()
        spaces = [
            _write_card(card, self._part_in_joint_space(card), f"encoder:{name}" in ready)
            for name, card in self._encoders.items()
        ]
        if self._joint is not None:
            spaces.append(_write_joint(self._joint, "router" in ready))
        return catalog_pb2.ListSpacesResponse(spaces=spaces)

    async def GetSpace(
        self, request: catalog_pb2.GetSpaceRequest, context: Context
    ) -> catalog_pb2.GetSpaceResponse:
        """Describes one space, or the default one."""
        name = request.name or self._default_space
        ready = await self._ready()
        if self._joint is not None and name == self._joint.ref.name:
            return catalog_pb2.GetSpaceResponse(space=_write_joint(self._joint, "router" in ready))
        sharing = [card for card in self._encoders.values() if card.space.name == name]
        card = self._encoders.get(name) or next(iter(sharing), None)
        if card is None:
            joint = [self._joint.ref.name] if self._joint is not None else []
            raise NotFound("space", name, [*self._encoders, *joint])
        described = _write_card(card, self._part_in_joint_space(card), f"encoder:{card.name}" in ready)
        if name not in self._encoders:  # the name that several encoders share
            described.name = name
            del described.modalities[:]
            described.modalities.extend(write_modality(one) for one in sorted({c.modality for c in sharing}))
        return catalog_pb2.GetSpaceResponse(space=described)

    async def ListModels(
        self, request: catalog_pb2.ListModelsRequest, context: Context
    ) -> catalog_pb2.ListModelsResponse:
        """Lists the models that write, those that rerank, those that recognise, and those that check."""
        ready = await self._ready()
        return catalog_pb2.ListModelsResponse(
            models=[
                _write_model(card, card.context_tokens, "generator" in ready) for card in self._generators
            ],
            rerankers=[_write_model(card, card.max_tokens, "reranker" in ready) for card in self._rerankers],
            recognisers=[_write_recogniser(card, "recogniser" in ready) for card in self._recognisers],
            checkers=[
                _write_model(card, card.max_tokens, f"checker:{card.name}" in ready)
                for card in self._checkers
            ],
        )

    async def ListMethods(
        self, request: catalog_pb2.ListMethodsRequest, context: Context
    ) -> catalog_pb2.ListMethodsResponse:
        """Lists the methods that requests can name."""
        if request.family and request.family not in self._families:
            raise NotFound("family", request.family, self._families)
        chosen = [request.family] if request.family else sorted(self._families)
        described = [
            self._families[name].describe(method)
            for name in chosen
            for method in self._families[name].names()
        ]
        return catalog_pb2.ListMethodsResponse(
            methods=[
                catalog_pb2.MethodDescription(
                    family=method.family,
                    name=method.name,
                    summary=method.summary,
                    parameters_schema=json.dumps(method.schema),
                )
                for method in described
            ]
        )

    async def ListEndpoints(
        self, request: catalog_pb2.ListEndpointsRequest, context: Context
    ) -> catalog_pb2.ListEndpointsResponse:
        """Lists the replicas of a service that can be asked directly."""
        services = [state.name for state in await self._states()]
        if request.service not in services:
            raise NotFound("service", request.service, services)
        return catalog_pb2.ListEndpointsResponse(
            endpoints=[_write_endpoint(endpoint) for endpoint in self._endpoints(request.service)],
            valid_ms=ENDPOINTS_MS,
        )

    async def GetServerInfo(
        self, request: catalog_pb2.GetServerInfoRequest, context: Context
    ) -> catalog_pb2.GetServerInfoResponse:
        """Describes the server."""
        return catalog_pb2.GetServerInfoResponse(
            version=tieback.__version__,
            limits=_write_limits(self._limits),
            services=map(_write_state, await self._states()),
            retrieval=write_plan(self._retrieval),
            styles=[write_style(one) for one in self._styles],
        )

    def _part_in_joint_space(self, card: EncoderCard) -> str:
        """The part of a space in the joint space."""
        if self._joint is None:
            return ""
        if not self._joint.binding:
            return (card.unbound_joint or "").replace("_", " ")
        if not self._joint.takes(card):
            return ""
        return "component" if card.space.name in dict(self._joint.blocks) else "projection"

    async def _ready(self) -> set[str]:
        return {state.name for state in await self._states() if state.ready}


def _write_card(card: EncoderCard, binding: str, ready: bool) -> catalog_pb2.Space:
    return catalog_pb2.Space(
        name=card.name,
        ref=write_space(card.space),
        modalities=[write_modality(card.modality)],
        width=card.width,
        widths=card.offered_widths if len(card.offered_widths) > 1 else (),
        kinds=write_kinds(sorted(card.kinds)),
        max_tokens=card.max_tokens or 0,
        description=card.description,
        license=card.license,
        upstream=card.upstream,
        binding=binding,
        ready=ready,
        precision=card.precision,
        drift=[
            catalog_pb2.Drift(measure=one.measure, value=one.value, float32_value=one.float32)
            for one in card.drift
        ],
        layers=card.layers,
        deadline_exits=card.deadline_exits,
        features=sorted(getattr(card.options, "features", ())),
        adapters=card.adapters,
        reductions=[
            catalog_pb2.MeasuredReduction(
                method=name,
                ratio=one.ratio,
                speed=one.least_speed,
                lost=one.most_lost,
                served=one.is_served,
            )
            for name, method in card.reductions.items()
            for one in method.measured
        ],
    )


def _write_model(card: Card, tokens: int, ready: bool) -> catalog_pb2.Model:
    return catalog_pb2.Model(
        name=card.name,
        revision=card.revision,
        context_tokens=tokens,
        description=card.description,
        license=card.license,
        upstream=card.upstream,
        ready=ready,
    )


def _write_recogniser(card: RecogniserCard, ready: bool) -> catalog_pb2.Model:
    message = _write_model(card, 0, ready)
    message.modality = write_modality(card.modality)
    is_of_labels = isinstance(card.options, LabelRecogniser)
    message.recognises = content_pb2.SEGMENT_KIND_LABEL if is_of_labels else content_pb2.SEGMENT_KIND_WORDS
    return message


def _write_joint(joint: JointSpace, ready: bool) -> catalog_pb2.Space:
    return catalog_pb2.Space(
        name=joint.ref.name,
        ref=write_space(joint.ref),
        modalities=[write_modality(modality) for modality in joint.modalities],
        width=joint.width,
        kinds=write_kinds([VectorKind.DENSE]),
        description="All bound spaces, each as a block of one vector; the blocks are weighted per query.",
        binding="joint",
        ready=ready,
        blocks=[catalog_pb2.Block(space=name, width=width) for name, width in joint.blocks],
        projections=joint.projections,
        binding_revision=joint.binding,
    )
