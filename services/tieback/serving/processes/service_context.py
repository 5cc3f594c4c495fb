"""What the services of a process are built from, and what they find built already."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tieback.catalog.card import EncoderCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.runtimes.claim_endpoint import ClaimEndpoint
from tieback.core.errors import StartupError
from tieback.core.types.load import Load
from tieback.core.types.operation import OperationRecord
from tieback.operation_ports import MovesPort
from tieback.ports import StorePort
from tieback.serving.metrics.telemetry import Telemetry
from tieback.serving.plan import Plan, assembly
from tieback.serving.plan.assembly import Ports
from tieback.serving.processes.server import GrpcServer
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.answer import Answerer, RetiredSpaces
    from tieback.batching import BatchReport
    from tieback.batching.lane import Lane
    from tieback.encoder import Encoder
    from tieback.generator.deciding import Deciders
    from tieback.grounding import Checkers
    from tieback.grounding.claim_reading import ClaimReader
    from tieback.models.language.chat_endpoint import EndpointModel
    from tieback.models.language.model import LanguageModel
    from tieback.operations.service import Operations
    from tieback.serving.plan.retired import RetiredCards
    from tieback.serving.processes.handover import Handover


@dataclass
class ServiceContext:
    """What the services of a process are built from, and what the builders add to it.

    `encoders` are the cards of the encoders that the process has, and `checker_cards` those of checkers: all
    in one process, one in a replica.
    `on_batch` is called with every batch and its space, from the workers' threads. `act` has the running task
    work for an operation's owner. A `handover` waits for the store. `closing` ends what was built, in the
    opposite order.
    """

    settings: Settings
    plan: Plan
    telemetry: Telemetry
    server: GrpcServer
    ports: Ports
    act: Callable[[OperationRecord], None]
    closing: AsyncExitStack
    encoders: Sequence[EncoderCard]
    checker_cards: Sequence[CheckerCard]
    on_batch: Callable[[str, BatchReport], None]
    in_one_process: bool = False
    handover: Handover | None = None
    load: Callable[[], Load] | None = None
    store: StorePort = field(init=False)
    moves: MovesPort = field(init=False)
    retired: RetiredSpaces | None = None
    operations: Operations | None = None

    async def free(self, lock: Path) -> None:
        """Waits until the replica before this one lets the store go, which has this lock."""
        if self.handover is not None:
            await self.handover.free(lock)

    @functools.cached_property
    def writer(self) -> LanguageModel | EndpointModel:
        """The model that writes, loaded at its first use. StartupError where none is served."""
        from tieback.models.language.generators import load_generator

        if self.plan.generator is None:
            raise StartupError("no model that writes is served: TIEBACK_GENERATOR is none")
        return load_generator(self.plan.generator, assembly.open_store(self.settings))

    @property
    def language_model(self) -> LanguageModel:
        """The same, whose scores can be read. StartupError where it is an endpoint."""
        from tieback.models.language.model import LanguageModel

        if not isinstance(self.writer, LanguageModel):
            raise StartupError("the model that writes is an endpoint, whose scores cannot be read")
        return self.writer

    def checkers(self, plan: Plan) -> Checkers:
        """The checkers of claims, which ask the model that writes where this process has it."""
        return assembly.load_checkers(self.settings, plan, self._read_model(), self.ports.checkers)

    def deciders(self, plan: Plan) -> Deciders:
        """The decisions about questions, by states of the model that writes where this process has it."""
        return assembly.load_deciders(plan, self._read_model())

    def _read_model(self) -> LanguageModel | None:
        """The model that writes, where this process has it."""
        is_here, card = self.in_one_process or "writer" in self.__dict__, self.plan.generator
        has_scores = card is not None and card.computation is None  # those of an endpoint cannot be read
        return self.language_model if is_here and has_scores else None

    @functools.cached_property
    def reading_lane(self) -> Lane:
        """The threads on which networks read evidence, for all services of the process."""
        from tieback.grounding.reading_lane import reading_lane

        lane = reading_lane(self.settings.limits)
        self.closing.push_async_callback(lane.close)
        self.telemetry.loads.watch("reading", "evidence", lambda: lane.admission.load)
        return lane

    @functools.cached_property
    def retired_cards(self) -> RetiredCards:
        """Where spaces are found that are not served."""
        from tieback.serving.plan.retired import RetiredCards

        return RetiredCards(self.settings, self.plan.encoders)

    @functools.cached_property
    def answerer(self) -> Answerer:
        """The pipeline over the ports, once these are all there."""
        return assembly.build_answerer(self.settings, self.plan, self.ports, self.retired)

    def answerer_of(self, plan: Plan) -> Answerer:
        """The pipeline of that plan."""
        if plan is self.plan:
            return self.answerer
        return assembly.build_answerer(self.settings, plan, self.ports, self.retired)

    def load_retired_by(self, encoder: Encoder) -> None:
        """Has an encoder of this process load spaces that are not served, when the pipeline needs them."""
        from tieback.serving.plan.retired import RetiredSpaces

        self.retired = retired = RetiredSpaces(self.settings, self.retired_cards, encoder)
        self.closing.push_async_callback(retired.close)


async def build(context: ServiceContext) -> None:
    """Loads the checkers that this process has; in a replica, which has one, others call it."""
    from tieback.grounding import BatchedReader, CardChecker, EndpointReader
    from tieback.models.language.claim_endpoint import ClaimEndpointModel
    from tieback.serving.requests import rpcs
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
