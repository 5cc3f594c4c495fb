"""The doors on the gRPC port: the servicers of the protocols that TIEBACK_DOORS names.

Their stubs are loaded here and nowhere else, since they have the names of others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.catalog.base_card import Card
from tieback.catalog.card import EncoderCard
from tieback.catalog.options import TransformerText
from tieback.core.errors import StartupError
from tieback.serving import assembly, targets
from tieback.serving.assembly import Ports
from tieback.serving.plan import Plan
from tieback.serving.servicers.catalog import States
from tieback.serving.services import targets_of
from tieback.serving.settings import Settings

if TYPE_CHECKING:
    from tieback.doors.kserve.model import KServeModel
    from tieback.doors.tei.door import Served


def door_services(settings: Settings) -> tuple[str, ...]:
    """The services that the doors are, by their names on the wire."""
    return tuple(service for name in _DOORS if settings.opens(name) for service in _DOORS[name][1])


def door_servicers(settings: Settings, plan: Plan, ports: Ports, states: States) -> list[object]:
    """Their servicers, over the services in this process or over the wire."""
    open_doors = [make for name, (make, _) in _DOORS.items() if settings.opens(name)]
    return [one for make in open_doors for one in make(settings, plan, ports, states)]


def _kserve(settings: Settings, plan: Plan, ports: Ports, states: States) -> list[object]:
    from tieback.doors.kserve.checkers import CheckModel
    from tieback.doors.kserve.door import Door
    from tieback.doors.kserve.encoders import EncoderModel
    from tieback.doors.kserve.rerankers import RerankModel
    from tieback.serving.servicers.kserve import KserveServicer

    models: list[tuple[KServeModel, str]] = [
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
    return [KserveServicer(door, states, needed, settings.message_bytes)]


def _tei(settings: Settings, plan: Plan, ports: Ports, _: States) -> list[object]:
    from tieback.doors.tei.door import RERANKER, Models, Served
    from tieback.doors.tei.embedding import Embedding
    from tieback.doors.tei.reranking import Reranking
    from tieback.serving.model_tokens import ModelTokens
    from tieback.serving.servicers import tei

    cards: dict[str, Card] = {card.name: card for card in plan.encoders if card.modality is Modality.TEXT}
    models = [_embedder(card) for card in plan.encoders if card.modality is Modality.TEXT]
    if ports.reranker is not None:
        cards |= {card.name: card for card in plan.rerankers}
        models += [
            Served(card.name, card.revision, "float32", card.max_tokens, card.name, is_reranker=True)
            for card in plan.rerankers
        ]
        by_name = {one.name: one for one in models}
        if plan.has_multi_vectors and (space := by_name.get(plan.reranking_space)):
            models.append(replace(space, name=RERANKER, is_reranker=True, prompt=""))
    default = settings.tei_model or (plan.text_space if plan.reads_text else "")
    if default not in {one.name for one in models}:
        names = ", ".join(sorted(one.name for one in models)) or "there are none"
        raise StartupError(f"TIEBACK_DOORS: tei: {default!r} is no model of texts that is served: {names}")
    served, limits, size = Models(models, default), settings.limits, settings.message_bytes
    tokens = ModelTokens(assembly.open_store(settings), cards)
    servicers: list[object] = [
        tei.InfoServicer(served, limits, settings.batch_budget),
        tei.EmbedServicer(Embedding(served, ports.encoder), size),
        tei.TokenizeServicer(served, tokens, size),
        tei.PredictServicer(),
    ]
    if ports.reranker is not None:
        servicers.append(tei.RerankServicer(Reranking(served, ports.reranker, tokens), limits))
    return servicers


def _embedder(card: EncoderCard) -> Served:
    from tieback.doors.tei.door import Served

    return Served(
        card.name,
        card.revision,
        card.precision,
        card.max_tokens,
        card.name,
        is_sparse=VectorKind.DENSE not in card.kinds,
        prompt=card.options.prompt if isinstance(card.options, TransformerText) else "",
    )


_TEI = tuple(f"tei.v1.{name}" for name in ("Info", "Embed", "Tokenize", "Predict", "Rerank"))
_DOORS: dict[str, tuple[Callable[[Settings, Plan, Ports, States], list[object]], tuple[str, ...]]] = {
    "kserve": (_kserve, ("inference.GRPCInferenceService",)),
    "tei": (_tei, _TEI),
}
"""How the servicers of each are made, and their services on the wire."""
