"""The doors on the gRPC port: the servicers of the protocols that TIEBACK_DOORS names.

Their stubs are loaded here and nowhere else, since they have the names of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tieback.serving import targets
from tieback.serving.assembly import Ports
from tieback.serving.plan import Plan
from tieback.serving.servicers.catalog import States
from tieback.serving.services import targets_of
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.doors.kserve.model import Model

KSERVE = "inference.GRPCInferenceService"


def door_services(settings: Settings) -> tuple[str, ...]:
    """The services that the doors are, by their names on the wire."""
    return tuple(_SERVICES[name] for name in settings.doors)


def door_servicers(settings: Settings, plan: Plan, ports: Ports, states: States) -> list[object]:
    """Their servicers, over the services in this process or over the wire."""
    return [_BUILDERS[name](settings, plan, ports, states) for name in settings.doors]


def _kserve(settings: Settings, plan: Plan, ports: Ports, states: States) -> object:
    from tieback.doors.kserve.checkers import CheckModel
    from tieback.doors.kserve.door import Door
    from tieback.doors.kserve.encoders import EncoderModel
    from tieback.doors.kserve.rerankers import RerankModel
    from tieback.serving.servicers.kserve import KserveServicer

    models: list[tuple[Model, str]] = [
        (EncoderModel(card, ports.encoder), targets.encoder(card.name)) for card in plan.encoders
    ]
    if ports.reranker is not None:
        models += [
            (RerankModel(ports.reranker, card.name, card.revision, is_card=True), targets.RERANKER)
            for card in plan.rerankers
        ]
        if plan.has_multi_vectors:
            models.append((RerankModel(ports.reranker), targets.RERANKER))
    if ports.grounding is not None:
        models.append((CheckModel(ports.grounding), targets_of(plan)["tieback.v1.GroundingService"]))
    door = Door((model for model, _ in models), settings.limits)
    needed = {model.name: target for model, target in models}
    return KserveServicer(door, states, needed, settings.message_bytes)


_BUILDERS = {"kserve": _kserve}
_SERVICES = {"kserve": KSERVE}
