"""Builders of the services, in one process or as a replica on Ray Serve; `services.py` has their table.

Every builder imports what it needs when it is called, so that a replica loads the packages of its own service
and no others.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any

from tieback_contract.vectors import VectorKind

from tieback.models.joint.artifact import BINDING
from tieback.serving.mesh.remote import RemoteEncoder
from tieback.serving.metrics.observed import observed
from tieback.serving.plan import Plan, assembly
from tieback.serving.plan.on_trial import on_trial
from tieback.serving.processes.service_context import ServiceContext
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer

if TYPE_CHECKING:
    from tieback.index import Index
    from tieback.milvus import MilvusIndex
    from tieback.models.encoder_model import AsksServer

log = logging.getLogger(__name__)

_DISK_TIMES = 16
"""Ratio of a cache on disk to the one in memory."""


async def encoder(context: ServiceContext) -> object:
    """Build the encoders of the process, and return them."""
    from tieback.encoder import CacheOptions, Encoder
    from tieback.encoder.cache.encodings import DISK_BYTES
    from tieback.encoder.conditional import ConditionalVectors
    from tieback.models.encoder_model import AsksServer
    from tieback.serving.servicers.encoder import encoder_servicer

    settings, telemetry = context.settings, context.telemetry
    disk = settings.cache_disk.expanduser() if settings.cache_disk is not None else None
    models = await asyncio.to_thread(assembly.load_models, settings, context.encoders)
    encoder = await asyncio.to_thread(
        Encoder,
        models,
        limits=settings.limits,
        batch_tokens=settings.batch_budget,
        cache=CacheOptions(settings.cache_bytes, disk, _DISK_TIMES * settings.cache_bytes or DISK_BYTES),
        conditions=context.plan.artifacts.all(ConditionalVectors),
        on_batch=context.on_batch,
    )
    context.closing.push_async_callback(encoder.close)
    if context.in_one_process:
        context.load_retired_by(encoder)
    await encoder.warm_up()
    for model in models:
        if isinstance(model, AsksServer):
            gauge = telemetry.endpoint_cosine.labels(model.card.name)
            gauge.set_function(functools.partial(_cosine, model))
    for card in context.encoders:
        context.load = functools.partial(encoder.load, card.name)
        telemetry.loads.watch("encoder", card.name, context.load)
        telemetry.caches.watch(card.name, encoder.cache_state)
        telemetry.adapters.watch(card.name, encoder.adapter_state)
    telemetry.watch_preparation(lambda: encoder.preparing, lambda: encoder.decoded_bytes)
    context.ports.encoder = observed(encoder, telemetry)
    context.server.add(encoder_servicer(context.ports.encoder))
    context.server.screen(encoder)
    return encoder


def _cosine(model: AsksServer) -> float:
    return model.cosine


async def router(context: ServiceContext) -> object:
    """Build the router, and return it."""
    bound, telemetry = context.plan.bound, context.telemetry
    if bound is not None:
        ranges = {str(router.modality): router.weight_ranges for router in bound.routers}
        telemetry.ranges.expect(BINDING.name, bound.revision, ranges)
    build = functools.partial(assembly.build_router, context.settings)
    router = await asyncio.to_thread(on_trial, build, context.plan, telemetry)
    context.ports.router = observed(router, telemetry)
    context.server.add(servicer(context.ports.router, rpcs.ROUTER))
    return router


async def index(context: ServiceContext) -> object:
    """The index on its store, locked for this process, or in Milvus."""
    from tieback.collections.served import ServedSpaces
    from tieback.index import Index
    from tieback.serving.servicers.index import index_servicer

    settings, plan, telemetry = context.settings, context.plan, context.telemetry
    # Collections in spaces that are not served are searched by contents where one process has all models.
    more: dict[str, Any] = {"is_readable": context.retired_cards.has} if context.in_one_process else {}
    sparse = [card.name for card in plan.encoders if VectorKind.DENSE not in card.kinds]
    widths = {card.space.name: card.widths for card in plan.encoders if card.widths}
    served = ServedSpaces(
        plan.spaces,
        sparse=sparse,
        widths=widths,
        token_spaces=plan.token_spaces,
        rerankers=[card.name for card in plan.rerankers],
        **more,
    )
    index: Index | MilvusIndex
    if settings.milvus:
        from tieback.serving.processes import milvus_index

        index = await milvus_index.serve(context, served)
    else:
        await context.free(settings.store.expanduser() / "lock")
        index = await asyncio.to_thread(
            lambda: Index.open(
                settings.store.expanduser(),
                limits=settings.limits,
                originals_bytes=settings.originals_bytes,
                served=served,
            )
        )
        context.closing.push_async_callback(index.close)
    for name, why in index.stale.items():
        log.warning("the collection %s is stale: %s", name, why)
    if settings.tokens is not None and index.of_nobody:
        log.warning(
            "collections that were made without tokens and that no tenant can use: %d; docs/security.md "
            "says how to give them to one",
            index.of_nobody,
        )
    telemetry.index.watch(lambda: index.size)
    telemetry.loads.watch("index", "", lambda: index.load)
    context.store, context.moves = index, index.moves
    context.ports.index = observed(index, telemetry)
    context.server.add(index_servicer(context.ports.index, index.snapshots, index.stored))
    return index


async def reranker(context: ServiceContext) -> object:
    """Build the reranker, and return it."""
    from tieback.reranker import Reranker

    settings, plan = context.settings, context.plan
    reranker = Reranker(
        context.ports.encoder,
        space=plan.reranking_space,
        by_side=plan.encoders_by_side,
        limits=settings.limits,
        models=await asyncio.to_thread(assembly.load_rerankers, settings, plan.rerankers),
        batch_tokens=settings.batch_budget,
        on_batch=context.on_batch,
    )
    context.closing.push_async_callback(reranker.close)
    await reranker.warm_up()
    context.load = lambda: reranker.load
    context.telemetry.loads.watch("reranker", "", context.load)
    for name, load in reranker.model_loads.items():
        context.telemetry.loads.watch("reranker", name, load)
    context.ports.reranker = observed(reranker, context.telemetry)
    context.server.add(servicer(context.ports.reranker, rpcs.RERANKER))
    return reranker


async def classifier(context: ServiceContext) -> object:
    """Build the classifiers of texts, and return them."""
    from tieback.classifier import TextClassifiers

    settings, telemetry = context.settings, context.telemetry
    models = await asyncio.to_thread(assembly.load_classifiers, settings, context.plan.text_classifiers)
    classifiers = TextClassifiers(
        models, limits=settings.limits, batch_tokens=settings.batch_budget, on_batch=context.on_batch
    )
    context.closing.push_async_callback(classifiers.close)
    await classifiers.warm_up()
    context.load = lambda: classifiers.load
    for name, load in classifiers.loads.items():
        telemetry.loads.watch("classifier", name, load)
    context.ports.text_classifier = observed(classifiers, telemetry)
    context.server.add(servicer(context.ports.text_classifier, rpcs.TEXT_CLASSIFIER))
    return classifiers


async def recogniser(context: ServiceContext) -> object:
    """Build the recognisers, and return them."""
    from tieback.recogniser import Recogniser

    settings, telemetry, card = context.settings, context.telemetry, context.plan.generator
    has_scores = card is not None and card.computation is None  # those of an endpoint cannot be read
    models = await asyncio.to_thread(assembly.load_recognisers, settings, context.plan.recognisers)
    recogniser = Recogniser(
        models,
        limits=settings.limits,
        on_batch=context.on_batch,
        language_model=(lambda: context.language_model) if has_scores else None,
    )
    context.closing.push_async_callback(recogniser.close)
    await recogniser.warm_up()
    context.load = lambda: recogniser.load
    for name, load in recogniser.loads.items():
        telemetry.loads.watch("recogniser", name, load)
    context.ports.recogniser = observed(recogniser, telemetry)
    context.server.add(servicer(context.ports.recogniser, rpcs.RECOGNISER))
    return recogniser


async def grounding(context: ServiceContext) -> object:
    """Build the service that checks claims, and return it."""
    from tieback.grounding import ClaimChecker

    def build(plan: Plan) -> ClaimChecker:
        checkers, limits = context.checkers(plan), context.settings.limits
        return ClaimChecker(
            context.ports.encoder,
            space=plan.text_space,
            checkers=checkers,
            limits=limits,
            lane=context.reading_lane,
        )

    context.load = lambda: context.reading_lane.admission.load
    checker = await asyncio.to_thread(on_trial, build, context.plan, context.telemetry)
    context.ports.grounding = observed(checker, context.telemetry)
    context.server.add(servicer(context.ports.grounding, rpcs.GROUNDING))
    return checker


async def generator(context: ServiceContext) -> object:
    """Build the generator, and return it."""
    from tieback.generator import Generator, GeneratorParts
    from tieback.generator.writing.soft_prompt import SoftPrompt

    settings, card = context.settings, context.plan.generator
    models = [] if card is None else [await asyncio.to_thread(lambda: context.writer)]

    def build(plan: Plan) -> Generator:
        return Generator(
            GeneratorParts(
                models,
                context.ports.encoder,
                space=plan.text_space,
                checkers=context.checkers(plan),
                judges=assembly.load_judges(plan),
                deciders=context.deciders(plan),
                cache_bytes=settings.generator_cache_bytes,
                prefix_bytes=settings.generator_cache_bytes // 2,
                first_sentences=settings.quote_sentences,
                limits=settings.limits,
                soft_prompts=plan.artifacts.all(SoftPrompt),
                folder=settings.store.expanduser(),
                lane=context.reading_lane,
            )
        )

    generator = await asyncio.to_thread(on_trial, build, context.plan, context.telemetry)
    context.closing.push_async_callback(generator.close)
    context.load = lambda: context.reading_lane.admission.load  # a quote waits for no slot
    if card is not None:
        context.load = lambda: generator.load
        context.telemetry.loads.watch("generator", card.name, context.load)
    context.ports.generator = observed(generator, context.telemetry)
    context.server.add(servicer(context.ports.generator, rpcs.GENERATOR))
    return generator


async def operations(context: ServiceContext) -> object:
    """The heads and the operations, on the disk; with the index, unless collections are stored elsewhere."""
    from tieback.classifier import Classifier
    from tieback.operations.control import Control
    from tieback.operations.kinds import Services
    from tieback.operations.service import Bounds, Operations
    from tieback.serving.servicers.classifier import classifier_servicer
    from tieback.serving.servicers.long_running import LongRunningServicer
    from tieback.serving.servicers.operation import operation_servicer

    settings, counted = context.settings, context.telemetry.operations
    folder = settings.store.expanduser()
    if not hasattr(context, "store"):
        from tieback.collections.served import ServedSpaces
        from tieback.serving.processes import milvus_index

        own_index = milvus_index.build(settings, context.telemetry, ServedSpaces(context.plan.spaces))
        context.store, context.moves = own_index, own_index.moves
        context.closing.push_async_callback(own_index.close)
    if isinstance(context.ports.encoder, RemoteEncoder) and settings.retired_spaces:
        # The encoders are elsewhere, so what an upgrade needs of an old space is loaded here.
        from tieback.encoder import CacheOptions, Encoder

        context.ports.encoder.other = own = Encoder([], limits=settings.limits, cache=CacheOptions(0))
        context.closing.push_async_callback(own.close)
        context.load_retired_by(own)
    answerer, store = context.answerer, context.store
    moving = answerer.moving(store, context.moves)
    await context.free(folder / "operations" / "lock")
    classifier = await asyncio.to_thread(Classifier, folder / "heads", answerer.embedding(), settings.limits)
    context.closing.push_async_callback(classifier.close)
    context.operations = operations = await asyncio.to_thread(
        Operations.open,
        folder / "operations",
        Services(answerer.reindexing(store), answerer.upgrading(store), classifier, moving),
        bounds=Bounds(running=settings.operations_running),
        act=context.act,
        on_end=counted.ended,
    )
    context.closing.push_async_callback(operations.close)
    counted.watch(lambda: operations.counts)
    context.server.add(operation_servicer(Control(operations, moving)))
    context.server.add(LongRunningServicer(operations))
    context.server.add(classifier_servicer(classifier, operations))
    return operations
