"""How each service is made from settings. The one-process server and the Ray Serve replicas both build here.

Every builder imports what it needs when it is called, so that a replica loads its own service's packages and
no other's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.family import Family
from tieback.core.types.vectors import SpaceRef, VectorKind
from tieback.ports import EncoderPort, GeneratorPort, IndexPort, RerankerPort, RouterPort, StorePort
from tieback.serving import context
from tieback.serving.bound import rollout_of
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from tieback.answer import Answerer, RetiredSpaces
    from tieback.batching import BatchReport
    from tieback.classifier import Classifier
    from tieback.core.types.operation import Operation
    from tieback.encoder import Encoder
    from tieback.generator import Generator
    from tieback.index import Index
    from tieback.models.encoder_model import EncoderModel
    from tieback.models.store import Store
    from tieback.operations.service import Operations
    from tieback.reranker import Reranker
    from tieback.router import Router
    from tieback.serving.telemetry import Telemetry


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
    from tieback.router import Router

    if plan.bound is not None:
        watch = None
        if telemetry is not None:
            from tieback.serving.routing_watch import RoutingWatch

            weight_ranges = {str(router.modality): router.weight_ranges for router in plan.bound.routers}
            watch = RoutingWatch(telemetry, plan.bound.revision, weight_ranges)
        return Router.bound(
            plan.bound,
            modalities=plan.modalities,
            limits=settings.limits,
            rollout=rollout_of(settings),
            caller=lambda: context.current().request_id,
            on_routed=watch,
        )
    return Router(*plan.class_names, limits=settings.limits)


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
            plan.spaces,
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

    return Reranker(encoder, space=plan.reranking_space, limits=settings.limits)


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
    router: RouterPort | None,
    index: IndexPort,
    reranker: RerankerPort | None,
    generator: GeneratorPort | None,
    retired: RetiredSpaces | None = None,
) -> Answerer:
    """The pipeline over the other services, wherever they run.

    `retired` loads spaces that are no longer served.
    """
    from tieback.answer import Answerer

    return Answerer(
        joint=plan.joint,
        spaces=plan.joint_inputs,
        single=plan.single_spaces,
        encoder=encoder,
        router=router,
        index=index,
        reranker=reranker if plan.has_multi_vectors else None,
        reranks_words=plan.has_token_vectors,
        generator=generator,
        limits=settings.limits,
        evidence_limit=settings.evidence,
        losses={} if plan.bound is None else plan.bound.losses,
        encode_share=settings.encode_share,
        keeps_originals=settings.originals_bytes > 0,
        retired=retired,
    )


def build_operations(
    settings: Settings,
    answerer: Answerer,
    index: StorePort,
    classifier: Classifier,
    telemetry: Telemetry,
    act: Callable[[Operation], None],
) -> Operations:
    """The operations of the index's store, whose process holds their journal too.

    `act` has the running task work for an operation's owner.
    """
    from tieback.operations.kinds import Services
    from tieback.operations.service import Bounds, Operations

    operations = Operations.open(
        settings.store.expanduser() / "operations",
        Services(answerer.reindexing(index), answerer.upgrading(index), classifier),
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


def build_classifier(settings: Settings, answerer: Answerer) -> Classifier:
    """The heads of the index's store, over the spaces that collections can be in."""
    from tieback.classifier import Classifier

    return Classifier(settings.store.expanduser() / "heads", answerer.embedding(), settings.limits)


def request_families() -> list[Family[Any]]:
    """The families whose methods a request can name: those of the contract's fields, by name.

    The others are chosen by cards and recipes.
    """
    from tieback.methods import families
    from tieback.serving.contract import METHOD_FIELDS

    known = families()
    return [known[name] for name in sorted(METHOD_FIELDS)]
