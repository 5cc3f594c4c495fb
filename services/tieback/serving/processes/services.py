"""The table of the services: how each is built, where it runs, and which others it calls.

A new service adds a builder (`builders.py`) and an entry of `SERVICES`, which the server in one process, the
replicas, the deployments and the gateway read. Services of extensions (`tieback.services`) run within these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tieback.catalog.card import Card
from tieback.services import FurtherService, further_services
from tieback.serving.mesh import directory
from tieback.serving.plan import Plan
from tieback.serving.processes import builders, service_context
from tieback.serving.processes.service_context import ServiceContext
from tieback.serving.requests import rpcs
from tieback.serving.servicers.of_port import servicer

if TYPE_CHECKING:
    pass

Place = Literal["any", "accelerated", "store"]


def _runs_models(_: Plan) -> Place:
    return "accelerated"


def _checks_by_models(plan: Plan) -> Place:
    return "accelerated" if any(card.computation is None for card in plan.checkers) else "any"


def _may_run_models(plan: Plan) -> Place:
    return "accelerated" if plan.rerankers else "any"


def _stores_collections(plan: Plan) -> Place:
    return "any" if plan.is_stored_elsewhere else "store"


@dataclass(frozen=True, slots=True)
class Service:
    """A service of the platform, and its deployment on Ray Serve.

    `contract` are the services of the contract that it answers, and `build` returns what it is, on which
    those of extensions are built. `calls` are the services that its process calls, and `place` is the
    machine: one with an accelerator, or the one that has the store. Who stores something is one replica, at
    the store. A service that runs `within` another has no deployment of its own, unless it `is_apart`. One
    that is there for `each` card has a deployment for each.
    """

    name: str
    contract: tuple[str, ...]
    build: Callable[[ServiceContext], Awaitable[object]]
    is_served: Callable[[Plan], bool] = lambda _: True
    calls: tuple[str, ...] = ()
    place: Callable[[Plan], Place] = lambda _: "any"
    within: str = ""
    is_apart: Callable[[Plan], bool] = lambda _: False
    each: Callable[[Plan], Sequence[Card]] | None = None

    @property
    def contracts(self) -> tuple[str, ...]:
        """The services that it answers, those of the extensions in use too."""
        return (*self.contract, *(one.contract for one in self._further))

    @property
    def _further(self) -> list[FurtherService]:
        return [one for one in further_services() if one.within == self.name]

    async def add_to(self, context: ServiceContext) -> None:
        """Builds it, and beside it the services of the extensions in use."""
        built = await self.build(context)
        for one in self._further:
            context.server.add(
                servicer(one.build(built, context.plan.artifacts.all), rpcs.rpcs_of(one.contract, one.port))
            )

    def target(self, plan: Plan) -> str:
        """The deployment; of encoders, what the names of all begin with."""
        return self.name if self.is_apart(plan) else self.within or self.name

    def deployments(self, plan: Plan) -> tuple[str, ...]:
        """Those that answer its calls."""
        if self.each is not None:
            return tuple(f"{self.name}:{card.name}" for card in self.each(plan))
        return (self.target(plan),) if self.is_served(plan) else ()

    def own_deployments(self, plan: Plan) -> tuple[str, ...]:
        """Those that are made for it."""
        return self.deployments(plan) if self.target(plan) == self.name else ()


_READERS = (directory.ENCODER, directory.CHECKER)
SERVICES = (
    Service(
        directory.ENCODER,
        ("tieback.v1.EncoderService",),
        builders.encoder,
        place=_runs_models,
        each=lambda plan: plan.encoders,
    ),
    Service(
        directory.CHECKER,
        (),  # clients name it in calls of others
        service_context.build,
        place=_checks_by_models,
        each=lambda plan: plan.checkers,
    ),
    Service(directory.ROUTER, ("tieback.v1.RouterService",), builders.router, lambda plan: plan.joins),
    Service(
        directory.INDEX,
        ("tieback.v1.IndexService",),
        builders.index,
        lambda plan: plan.keeps_collections,
        calls=(directory.ENCODER, directory.ROUTER),  # operations encode
        place=_stores_collections,
    ),
    Service(
        directory.RERANKER,
        ("tieback.v1.RerankerService",),
        builders.reranker,
        lambda plan: plan.reranks,
        calls=_READERS,
        place=_may_run_models,
    ),
    Service(
        "grounding",
        ("tieback.v1.GroundingService",),
        builders.grounding,
        lambda plan: plan.reads_text,
        within=directory.RERANKER,
    ),
    Service(
        directory.GENERATOR,
        ("tieback.v1.GeneratorService",),
        builders.generator,
        lambda plan: plan.answers,
        calls=_READERS,
        place=_runs_models,
        within=directory.RERANKER,
        is_apart=lambda plan: plan.generator is not None,
    ),
    Service(
        directory.CLASSIFIER,
        ("tieback.v1.TextClassifierService",),
        builders.classifier,
        lambda plan: bool(plan.text_classifiers),
        place=_runs_models,
    ),
    Service(
        directory.RECOGNISER,
        ("tieback.v1.RecognitionService",),
        builders.recogniser,
        lambda plan: bool(plan.recognisers),
        place=_runs_models,
    ),
    Service(
        directory.OPERATIONS,
        ("tieback.v1.OperationService", "google.longrunning.Operations", "tieback.v1.ClassifierService"),
        builders.operations,
        lambda plan: plan.keeps_collections,
        calls=(directory.ENCODER, directory.ROUTER, directory.INDEX),
        place=lambda _: "store",
        within=directory.INDEX,
        is_apart=lambda plan: plan.is_stored_elsewhere,
    ),
)
"""Each is after those that it calls."""


def targets_of(plan: Plan) -> dict[str, str]:
    """The deployment that answers the calls of each service of the contract; of encoders, how all begin."""
    return {contract: service.target(plan) for service in SERVICES for contract in service.contracts}
