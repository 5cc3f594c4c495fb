"""tieback.v1.CatalogService: read from cards, method folders and settings, the facts' only homes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tieback_contract.answers import AnswerStyle
from tieback_contract.catalog import Drift, Model, Space
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.query import RetrievalPlan
from tieback_contract.recognition import SegmentKind
from tieback_contract.server import Endpoint, ServiceState
from tieback_contract.vectors import SpaceRef, VectorKind

import tieback
from tieback.catalog.card import Card, EncoderCard, GeneratorCard, RecogniserCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.core.errors import NotFound
from tieback.core.family import Family, MethodDescription
from tieback.serving.conversions.codec import CODEC
from tieback.serving.requests.rpcs import rpcs_of
from tieback.serving.servicers.of_port import servicer

if TYPE_CHECKING:
    from tieback import router


@dataclass(frozen=True, slots=True)
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
    classifiers: Sequence[ClassifierCard] = ()


class Catalog:
    """Describes what this server offers, as the methods of a port."""

    def __init__(self, parts: Offered) -> None:
        self._parts, self._joint = parts, parts.joint
        self._encoders = {card.name: card for card in parts.encoders}
        self._families = {family.name: family for family in parts.families}

    async def list_spaces(self) -> Sequence[Space]:
        """Lists the spaces, the joint one last."""
        ready = await self._ready()
        spaces = [self._space(card, ready) for card in self._encoders.values()]
        return spaces if self._joint is None else [*spaces, _joint_space(self._joint, "router" in ready)]

    async def get_space(self, name: str = "") -> Space:
        """Describes one space, or the default one."""
        name = name or self._parts.default_space
        ready = await self._ready()
        if self._joint is not None and name == self._joint.ref.name:
            return _joint_space(self._joint, "router" in ready)
        sharing = [card for card in self._encoders.values() if card.space.name == name]
        card = self._encoders.get(name) or next(iter(sharing), None)
        if card is None:
            joint = [self._joint.ref.name] if self._joint is not None else []
            shared = {one.shares for one in self._encoders.values() if one.shares is not None}
            hint = "" if name else "say which, as in tieback index FOLDER --space NAME"
            raise NotFound("space", name, [*self._encoders, *shared, *joint], hint=hint)
        described = self._space(card, ready)
        if name in self._encoders:
            return described
        # The name that several encoders share.
        return replace(described, called=name, modalities=sorted({one.modality for one in sharing}))

    async def list_models(
        self,
    ) -> tuple[Sequence[Model], Sequence[Model], Sequence[Model], Sequence[Model], Sequence[Model]]:
        """Lists the models that write, rerank, recognise, check and classify, each kind by itself."""
        ready, parts = await self._ready(), self._parts
        return (
            [_model(card, card.context_tokens, "generator" in ready) for card in parts.generators],
            [_model(card, card.max_tokens, "reranker" in ready) for card in parts.rerankers],
            [_recogniser(card, "recogniser" in ready) for card in parts.recognisers],
            [_model(card, card.max_tokens, f"checker:{card.name}" in ready) for card in parts.checkers],
            [
                replace(_model(card, card.max_tokens, "classifier" in ready), labels=card.labels)
                for card in parts.classifiers
            ],
        )

    async def list_methods(self, family: str = "") -> Sequence[MethodDescription]:
        """Lists the methods that requests can name."""
        if family and family not in self._families:
            raise NotFound("family", family, self._families)
        chosen = [self._families[name] for name in ([family] if family else sorted(self._families))]
        return [one.describe(method) for one in chosen for method in one.names()]

    async def list_endpoints(self, service: str) -> tuple[Sequence[Endpoint], int]:
        """Lists the replicas of a service that can be asked directly, and how long that may be kept."""
        services = [state.name for state in await self._parts.states()]
        if service not in services:
            raise NotFound("service", service, services)
        return self._parts.endpoints(service), ENDPOINTS_MS

    async def get_server_info(
        self,
    ) -> tuple[str, Limits, Sequence[ServiceState], RetrievalPlan, Sequence[AnswerStyle]]:
        """Describes the server: its version, limits, services, the defaults of a query, and styles."""
        parts = self._parts
        return tieback.__version__, parts.limits, await parts.states(), parts.retrieval, parts.styles

    def _space(self, card: EncoderCard, ready: Collection[str]) -> Space:
        return _space(card, self._part_in_joint_space(card), f"encoder:{card.name}" in ready)

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
        return {state.name for state in await self._parts.states() if state.ready}


def _read_method(message: Any) -> MethodDescription:
    schema = json.loads(message.parameters_schema)
    return MethodDescription(message.family, message.name, message.summary, schema)


def _fill_method(message: Any, method: MethodDescription) -> None:
    message.family, message.name, message.summary = method.family, method.name, method.summary
    message.parameters_schema = json.dumps(method.schema)


CODEC.converter(MethodDescription, _read_method, _fill_method)
CATALOG = rpcs_of("tieback.v1.CatalogService", Catalog)


def catalog_servicer(parts: Offered) -> Any:
    """The servicer of the catalog."""
    return servicer(Catalog(parts), CATALOG)


def _space(card: EncoderCard, binding: str, ready: bool) -> Space:
    return Space(
        card.space,
        [card.modality],
        card.width,
        card.offered_widths if len(card.offered_widths) > 1 else (),
        sorted(card.kinds),
        card.max_tokens or 0,
        card.description,
        card.license,
        card.upstream,
        binding,
        ready,
        card.precision,
        [Drift(one.measure, one.value, one.float32) for one in card.drift],
        called=card.name,
        layers=card.choices.layers,
        reductions=card.choices.reductions,
        deadline_exits=card.choices.deadline_exits,
        features=sorted(getattr(card.options, "features", ())),
        adapters=card.adapters,
    )


def _model(card: Card, tokens: int, ready: bool) -> Model:
    return Model(card.name, card.revision, tokens, card.description, card.license, card.upstream, ready)


def _recogniser(card: RecogniserCard, ready: bool) -> Model:
    is_of_labels = isinstance(card.options, LabelRecogniser)
    recognises = SegmentKind.LABEL if is_of_labels else SegmentKind.WORDS
    return replace(_model(card, 0, ready), modality=card.modality, recognises=recognises)


def _joint_space(joint: JointSpace, ready: bool) -> Space:
    return Space(
        joint.ref,
        joint.modalities,
        joint.width,
        (),
        [VectorKind.DENSE],
        0,
        "All bound spaces, each as a block of one vector; the blocks are weighted per query.",
        "",
        "",
        "joint",
        ready,
        blocks=dict(joint.blocks),
        projections=joint.projections,
        binding_revision=joint.binding,
        called=joint.ref.name,
    )
