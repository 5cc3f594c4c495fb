"""Checkers of the user's own: services that check claims ask them, and each has replicas of its own."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING

from tieback.catalog.checker_card import ClaimEndpoint
from tieback.serving import assembly
from tieback.serving.service_context import ServiceContext

if TYPE_CHECKING:
    from tieback.grounding.claim_reading import ClaimReader


async def build(context: ServiceContext) -> None:
    """Loads the checkers that this process has; in a replica, which has one, others call it."""
    from tieback.grounding import BatchedReader, CardChecker, EndpointReader
    from tieback.models.claim_endpoint import ClaimEndpointModel
    from tieback.serving import rpcs
    from tieback.serving.servicers.of_port import servicer

    settings, telemetry = context.settings, context.telemetry
    found = {}
    for card in context.checker_cards:
        reader: ClaimReader
        if isinstance(card.options, ClaimEndpoint):
            reader = EndpointReader(ClaimEndpointModel(card), limits=settings.limits)
        else:
            reader = BatchedReader(
                await asyncio.to_thread(assembly.load_claim_classifier, settings, card),
                limits=settings.limits,
                batch_tokens=settings.batch_budget,
                on_batch=functools.partial(context.on_batch, card.name),
            )
        checker = found[card.name] = CardChecker(reader)
        context.closing.push_async_callback(checker.close)
        await reader.warm_up()
        load = functools.partial(lambda one: one.load, checker)
        telemetry.loads.watch("checker", card.name, load)
        if not context.in_one_process:
            context.load = load
            context.server.add(servicer(checker, rpcs.GROUNDING))
    if context.in_one_process:
        context.ports.checkers = found
