"""How each service is made from settings. The one-process server and the Ray Serve replicas both build here.

Every builder imports what it needs when it is called, so that a replica loads its own service's packages and
no other's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tieback.catalog.card import EncoderCard, GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.core.errors import NotFound, StartupError
from tieback.core.family import Family
from tieback.core.types.content import Modality
from tieback.core.types.fusion import JOINT_SPACE, Role
from tieback.core.types.vectors import SpaceRef, VectorKind
from tieback.ports import EncoderPort, GeneratorPort, IndexPort, ReindexPort, RerankerPort, RouterPort
from tieback.serving import context, targets
from tieback.serving.bound import rollout_of, served_binding
from tieback.serving.precisions import at_chosen_precisions
from tieback.serving.settings import Regions, Settings

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from tieback.answer import Answerer, Joined, RetiredSpaces, SingleSpace
    from tieback.batching import BatchReport
    from tieback.core.types.operation import Operation
    from tieback.encoder import Encoder
    from tieback.generator import Generator
    from tieback.index import Index
    from tieback.models.bound_space import BoundSpace
    from tieback.models.encoder_model import EncoderModel
    from tieback.models.store import Store
    from tieback.operations.service import Operations
    from tieback.reranker import Reranker
    from tieback.router import JointSpace, Router
    from tieback.serving.telemetry import Telemetry


class Plan:
    """Which cards are served: the catalog's, cut down to what the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        catalog = Catalog.load(settings.cards)
        encoders = {card.name: card for card in catalog.encoders()}
        generators = {card.name: card for card in catalog.generators()}
        unknown = [name for name in settings.spaces if name not in encoders]
        if unknown:
            raise StartupError(f"TIEBACK_SPACES: {NotFound('space', unknown[0], encoders).message}")
        chosen = settings.spaces or tuple(name for name, card in encoders.items() if not card.optional)
        served = [encoders[name] for name in sorted(chosen)]
        self.encoders = at_chosen_precisions(served, settings.precision, settings.provider)
        self._regions = settings.regions
        self.generator: GeneratorCard | None = None
        # What a model writes is checked by a text space, so a server without one offers none by default.
        if settings.generator_enabled and generators and (self.reads_text or settings.generator):
            name = settings.generator or next(iter(generators))
            if name not in generators:
                raise StartupError(f"TIEBACK_GENERATOR: {NotFound('model', name, generators).message}")
            self.generator = generators[name]

    @cached_property
    def bound(self) -> BoundSpace | None:
        """The binding that makes the joint space, held against what is served; None for class names."""
        return served_binding(self._settings, self.encoders)

    @property
    def services(self) -> frozenset[str]:
        """The deployments beside the encoders and the door."""
        served = {
            targets.INDEX: True,
            targets.ROUTER: self.joins,
            targets.RERANKER: self.reads_text,
            targets.GENERATOR: self.generator is not None,
        }
        return frozenset(name for name, is_served in served.items() if is_served)

    @cached_property
    def joins(self) -> bool:
        """Whether there is a joint space: a binding, or a text space and another to join it with."""
        if self.bound is not None:
            return True
        return bool(self.components) and len(self.components) + len(self.classifiers) > 1

    @property
    def components(self) -> tuple[EncoderCard, ...]:
        """The text spaces that are blocks of the joint one where nothing is bound."""
        return tuple(card for card in self.encoders if card.unbound_joint == "component")

    @property
    def classifiers(self) -> tuple[EncoderCard, ...]:
        """The spaces that enter the joint one by the names of their classes."""
        return tuple(card for card in self.encoders if card.unbound_joint == "class_names")

    @property
    def reads_text(self) -> bool:
        """Whether a served space has dense vectors of texts."""
        return any(
            card.modality is Modality.TEXT and VectorKind.DENSE in card.kinds for card in self.encoders
        )

    @property
    def has_token_vectors(self) -> bool:
        """Whether the pipeline can rerank."""
        return self.reads_text and any(
            card.name == self.text_space and VectorKind.MULTI_VECTOR in card.kinds for card in self.encoders
        )

    @property
    def single_spaces(self) -> tuple[SingleSpace, ...]:
        """The dense spaces, each of which collections can be in without the joint one."""
        found: dict[SpaceRef, dict[str, EncoderCard]] = {}
        for card in self.encoders:
            if VectorKind.DENSE in card.kinds:
                found.setdefault(card.space, {})[card.name] = card
        return tuple(single_space(ref, cards) for ref, cards in found.items())

    @property
    def default_space(self) -> str:
        """The space of collections that are made without saying which; empty where that has to be said."""
        from tieback.answer import default_of

        joint = [JOINT_SPACE] if self.joins else []
        return default_of([*joint, *(one.ref.name for one in self.single_spaces)])

    @property
    def text_space(self) -> str:
        """The text space whose token vectors rerank and check: the widest component with token vectors."""
        texts = [card for card in self.encoders if card.modality is Modality.TEXT and "dense" in card.kinds]
        components = self.components or texts
        if not components:
            raise StartupError("no text space is served, to rerank and check by: name one in TIEBACK_SPACES")
        with_tokens = [card for card in components if VectorKind.MULTI_VECTOR in card.kinds]
        return max(with_tokens or components, key=lambda card: (card.width, card.max_tokens or 0)).name

    @property
    def spaces_by_modality(self) -> dict[Modality, tuple[str, ...]]:
        """Which spaces encode what for the pipeline."""
        if not self.joins:
            return {}
        bound = self.bound
        return _by_modality(
            {
                card.name: card
                for card in self.encoders
                if (card.unbound_joint if bound is None else bound.takes(card.space.name, card.modality))
            }
        )

    @property
    def joined(self) -> Joined:
        """How the spaces take part in the joint one."""
        from tieback.answer import Joined

        if self.bound is None:
            return Joined(self.spaces_by_modality)
        return bound_joined(self.bound, {card.name: card for card in self.encoders}, self._regions)


def bound_joined(bound: BoundSpace, encoders: Mapping[str, EncoderCard], regions: Regions) -> Joined:
    """How these encoders, by the names that they are called by, take part in that joint space."""
    from tieback.answer import Joined
    from tieback.models.bound_space import SPARSE

    members = {name: card for name, card in encoders.items() if bound.takes(card.space.name, card.modality)}
    own = {(card.space.name, card.modality) for card in members.values()}
    sparse = {path.source.name for path in bound.paths if path.reads == SPARSE}
    dense = {VectorKind.DENSE, VectorKind.LABELS}  # classes are words to find a photo by
    seen = frozenset({VectorKind.MULTI_VECTOR} if regions is not Regions.OFF else ())
    return Joined(
        _by_modality(members),
        {
            name: frozenset({VectorKind.SPARSE} if card.space.name in sparse else dense & card.kinds)
            for name, card in members.items()
        },
        {
            name: [
                path.block
                for path in bound.paths
                if path.source.name == card.space.name
                and not (path.stands_in and (path.block, card.modality) in own)
            ]
            for name, card in members.items()
        },
        {name: seen & card.kinds for name, card in members.items() if card.modality is Modality.IMAGE},
        per_region=regions is Regions.EACH,
        shared={name: card.space.name for name, card in members.items() if name != card.space.name},
    )


def _by_modality(encoders: Mapping[str, EncoderCard]) -> dict[Modality, tuple[str, ...]]:
    found: dict[Modality, tuple[str, ...]] = {}
    for modality in Modality:
        if names := tuple(name for name, card in encoders.items() if card.modality is modality):
            found[modality] = names
    return found


def single_space(ref: SpaceRef, encoders: Mapping[str, EncoderCard]) -> SingleSpace:
    """The space of these encoders' cards, which are by the names that the encoders are called by."""
    from tieback.answer import SingleSpace

    return SingleSpace(
        ref,
        next(iter(encoders.values())).width,
        {role: _encoders_in(role, encoders) for role in Role},
        frozenset(name for name, card in encoders.items() if VectorKind.LABELS in card.kinds),
    )


def _encoders_in(role: Role, encoders: Mapping[str, EncoderCard]) -> dict[Modality, tuple[str, ...]]:
    """One encoder per modality: of several in one space, which differ by prompt, that of the role."""
    found: dict[Modality, tuple[str, ...]] = {}
    asks = role is Role.QUERY
    for name, card in sorted(encoders.items(), key=lambda one: ("query" in _prompt(one[1])) is not asks):
        found.setdefault(card.modality, (name,))
    return found


def _prompt(card: EncoderCard) -> str:
    return str(getattr(card.options, "prompt", ""))


def open_store(settings: Settings) -> Store:
    """The model store."""
    from tieback.models.store import Store

    return Store(settings.models.expanduser())


def load_models(settings: Settings, cards: Sequence[EncoderCard]) -> list[EncoderModel]:
    """The cards' models, weights loaded. StartupError names what is missing."""
    from tieback.models.loading import load_encoder
    from tieback.models.session import Hardware

    store = open_store(settings)
    hardware = Hardware(settings.provider, settings.session_threads, settings.cuda_tf32, settings.cuda_graphs)
    return [load_encoder(card, store, hardware) for card in cards]


def build_encoder(
    settings: Settings,
    cards: Sequence[EncoderCard],
    on_batch: Callable[[str, BatchReport], None] | None = None,
) -> Encoder:
    """The encoder service of these spaces, weights loaded. StartupError names what is missing.

    `on_batch` hears of every batch, with its space; it is called from the workers' threads.
    """
    from tieback.encoder import CacheOptions, Encoder

    models = load_models(settings, cards)
    disk = settings.cache_disk.expanduser() if settings.cache_disk is not None else None
    return Encoder(
        models,
        limits=settings.limits,
        batch_tokens=settings.batch_budget,
        cache=CacheOptions(settings.cache_bytes, disk, settings.cache_disk_bytes, settings.cache_shared),
        reduction_wait=settings.reduction_wait,
        on_batch=on_batch,
    )


def build_router(settings: Settings, plan: Plan, telemetry: Telemetry | None = None) -> Router:
    """The router over the served spaces and their bindings, or of the binding that the settings name.

    What its learned routers do is counted by `telemetry`.
    """
    from tieback.models.binding import load_bindings
    from tieback.router import Component, Router

    if plan.bound is not None:
        watch = None
        if telemetry is not None:
            from tieback.serving.routing_watch import RoutingWatch

            usual = {str(router.modality): router.usual for router in plan.bound.routers}
            watch = RoutingWatch(telemetry, plan.bound.revision, usual)
        return Router.bound(
            plan.bound,
            modalities={card.name: card.modality for card in plan.encoders},
            limits=settings.limits,
            rollout=rollout_of(settings),
            caller=lambda: context.current().request_id,
            on_routed=watch,
        )
    components = [Component(card.space, card.width) for card in plan.components]
    spaces = [card.space for card in (*plan.classifiers, *plan.components)]
    bindings = load_bindings(open_store(settings).bindings, spaces)
    return Router(components, bindings, limits=settings.limits)


def served_spaces(settings: Settings, plan: Plan) -> tuple[SpaceRef, ...]:
    """The exact names of all spaces that collections can be in."""
    joint = [build_router(settings, plan).space.ref] if plan.joins else []
    return (*joint, *(one.ref for one in plan.single_spaces))


def build_index(
    settings: Settings, plan: Plan, is_readable: Callable[[SpaceRef], bool] = lambda _: False
) -> Index:
    """The index on its store, locked for this process.

    `is_readable` says of a space that is not served whether collections in it are found by contents.
    """
    from tieback.index import Index
    from tieback.index.served import ServedSpaces

    index = Index.open(
        settings.store.expanduser(),
        limits=settings.limits,
        originals_bytes=settings.originals_bytes,
        served=ServedSpaces(
            served_spaces(settings, plan),
            is_readable=is_readable,
            sparse=[card.name for card in plan.encoders if VectorKind.DENSE not in card.kinds],
        ),
    )
    for name, why in index.stale.items():
        log.warning("the collection %s is stale: %s", name, why)
    if settings.tokens is not None and index.of_nobody:
        log.warning(
            "collections that were made without tokens and that no tenant can use: %d; docs/security.md "
            "says how to give them to one",
            index.of_nobody,
        )
    return index


def build_reranker(settings: Settings, plan: Plan, encoder: EncoderPort) -> Reranker:
    """The reranker, taking multi-vectors from an encoder."""
    from tieback.reranker import Reranker

    return Reranker(encoder, space=plan.text_space, limits=settings.limits)


def build_generator(settings: Settings, plan: Plan, encoder: EncoderPort) -> Generator:
    """The generator, checking claims with an encoder. Call only where the plan has one."""
    from tieback.generator import Generator
    from tieback.models.language_model import load_language_model

    if plan.generator is None:
        raise StartupError("no model that writes is served: unset TIEBACK_GENERATOR_ENABLED")
    model = load_language_model(plan.generator, open_store(settings))
    return Generator(
        [model],
        encoder,
        space=plan.text_space,
        slots=settings.generator_slots,
        limits=settings.limits,
        seconds=settings.generator_seconds,
    )


def build_answerer(
    settings: Settings,
    plan: Plan,
    *,
    encoder: EncoderPort,
    joint: JointSpace | None,
    router: RouterPort | None,
    index: IndexPort,
    reranker: RerankerPort | None,
    generator: GeneratorPort | None,
    retired: RetiredSpaces | None = None,
) -> Answerer:
    """The pipeline over the other services, wherever they run; `joint` where spaces are joined.

    `retired` loads spaces that are no longer served.
    """
    from tieback.answer import Answerer

    return Answerer(
        joint=joint,
        spaces=plan.joined,
        single=plan.single_spaces,
        encoder=encoder,
        router=router,
        index=index,
        reranker=reranker if plan.has_token_vectors else None,
        generator=generator,
        limits=settings.limits,
        evidence_limit=settings.evidence,
        losses={} if plan.bound is None else plan.bound.losses,
        encode_share=settings.encode_share,
        keeps_originals=settings.originals_bytes > 0,
        retired=retired,
    )


def build_operations(
    settings: Settings, reindexing: ReindexPort, telemetry: Telemetry, act: Callable[[Operation], None]
) -> Operations:
    """The operations of the index's store, whose process holds their journal too.

    `act` has the running task work for an operation's owner.
    """
    from tieback.operations.kinds import Services
    from tieback.operations.service import Bounds, Operations

    operations = Operations.open(
        settings.store.expanduser() / "operations",
        Services(reindexing),
        bounds=Bounds(
            running=settings.operations_running,
            active=settings.operations_active,
            kept=settings.operations_kept,
            kept_seconds=settings.operations_days * 24 * 3600.0,
        ),
        act=act,
        on_end=telemetry.operations.ended,
    )
    telemetry.operations.watch(lambda: operations.counts)
    return operations


def request_families() -> list[Family[Any]]:
    """The families whose methods a request can name: those of the contract's fields, by name.

    The others are chosen by cards and recipes.
    """
    from tieback.methods import families
    from tieback.serving.contract import METHOD_FIELDS

    known = families()
    return [known[name] for name in sorted(METHOD_FIELDS)]
