"""Parts that several processes build alike from settings; `serving/processes/services.py` builds the services
themselves.

Every function imports what it needs when it is called, so that a process loads only what it uses.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tieback.catalog.card import EncoderCard, RecogniserCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.classifier_card import ClassifierCard
from tieback.catalog.endpoint_options import ClassifierEndpoint, RerankerEndpoint
from tieback.core.family import Family
from tieback.ports import (
    AnswerPort,
    EncoderPort,
    GeneratorPort,
    GroundingPort,
    IndexPort,
    RecogniserPort,
    RerankerPort,
    RouterPort,
    TextClassifierPort,
)
from tieback.serving.plan import Plan
from tieback.serving.plan.on_trial import on_trial
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from tieback.answer import Answerer, RetiredSpaces
    from tieback.generator.deciding import Deciders
    from tieback.generator.evidence.answerability import Judges
    from tieback.grounding import Checkers
    from tieback.models.encoder_model import EncoderModel
    from tieback.models.endpoints.classifier import EndpointClassifier
    from tieback.models.endpoints.reranker import EndpointReranker
    from tieback.models.language.model import LanguageModel
    from tieback.models.recognition_search import RecogniserModel
    from tieback.models.store import Store
    from tieback.models.text.claim_classifier import ClaimClassifierModel
    from tieback.models.text.cross_encoder import CrossEncoderModel
    from tieback.models.text.text_classifier import TextClassifierModel
    from tieback.router import Router
    from tieback.serving.metrics.telemetry import Telemetry
    from tieback.serving.servicers.catalog import Endpoints, States


class Ports:
    """The services as others call them, in this process or over the wire; None where one is not served."""

    encoder: EncoderPort
    index: IndexPort
    router: RouterPort | None = None
    reranker: RerankerPort | None = None
    generator: GeneratorPort | None = None
    recogniser: RecogniserPort | None = None
    grounding: GroundingPort | None = None
    text_classifier: TextClassifierPort | None = None
    checkers: Mapping[str, GroundingPort] = MappingProxyType({})
    """Those of the user's own, by their cards' names."""


def open_store(settings: Settings) -> Store:
    """The model store."""
    from tieback.models.store import Store

    return Store(settings.models.expanduser())


def load_checkers(
    settings: Settings, plan: Plan, model: LanguageModel | None, own: Mapping[str, GroundingPort]
) -> Checkers:
    """The checkers of claims, with what was learned for the text space that is served, and the user's `own`.
    They ask the language model where it is the one that they were calibrated with.

    StartupError where an artifact is named that was learned for another space.
    """
    from tieback.grounding import Checkers, OwnChecker
    from tieback.models.joint.states import LearnedChecker
    from tieback.models.language.model import claim_likelihoods

    learned = plan.artifacts.all(LearnedChecker)
    asks = model is not None and model.name in {one.facts.get("likelihood") for one in learned}
    return Checkers(
        {one.method: one.state for one in learned},
        functools.partial(claim_likelihoods, model) if model is not None and asks else None,
        {one.method: one.revision for one in learned},
        own={card.name: OwnChecker(own[card.name], card.revision) for card in plan.checkers},
        default=settings.default_checker,
        reads=next((one.reader.read for one in learned if one.reader is not None), None),
    )


def load_judges(plan: Plan) -> Judges:
    """The judges of answerability, with what was learned for the text space that is served.

    StartupError where one is named that was learned for another one, or cannot run.
    """
    from tieback.generator.evidence.answerability import Judges
    from tieback.models.joint.states import LearnedJudge

    learned = plan.artifacts.all(LearnedJudge)
    reader = next((one.reader for one in learned if one.reader is not None), None)
    return Judges({one.method: one.state for one in learned}, reader)


def load_deciders(plan: Plan, model: LanguageModel | None) -> Deciders:
    """What decides about questions, with what was learned for the text space that is served. It reads states
    of the language model where it is the one that they were read of in training.

    StartupError where one is named that was learned for another space.
    """
    from tieback.generator.deciding import Deciders
    from tieback.models.joint.states import LearnedDecision

    learned = plan.artifacts.all(LearnedDecision)
    asks = model is not None and model.name in {one.facts.get("model") for one in learned}
    return Deciders({one.method: one.state for one in learned}, model if asks else None)


def load_models(settings: Settings, cards: Sequence[EncoderCard]) -> list[EncoderModel]:
    """The cards' models, weights loaded. StartupError names what is missing."""
    from tieback.models.loading import load_encoder
    from tieback.models.session import Hardware
    from tieback.recipes.export import make_merged
    from tieback.serving.processes.memory import working_bytes

    store = open_store(settings)
    make_merged(cards, store, lambda name, said: log.info("%s: %s", name, said))
    room = working_bytes() if settings.provider == "cpu" else 0
    hardware = Hardware(settings.provider, adapter_bytes=settings.adapter_bytes, working_bytes=room)
    return [load_encoder(card, store, hardware) for card in cards]


def load_rerankers(
    settings: Settings, cards: Sequence[RerankerCard]
) -> list[CrossEncoderModel | EndpointReranker]:
    """The cards' models, weights loaded. StartupError names what is missing."""
    from tieback.models.endpoints.reranker import EndpointReranker
    from tieback.models.session import Hardware
    from tieback.models.text.cross_encoder import load_cross_encoder

    store = open_store(settings)
    hardware = Hardware(settings.provider)
    return [
        EndpointReranker(card)
        if isinstance(card.options, RerankerEndpoint)
        else load_cross_encoder(card, store, hardware)
        for card in cards
    ]


def load_claim_classifier(settings: Settings, card: CheckerCard) -> ClaimClassifierModel:
    """The checker's model, weights loaded. StartupError names what is missing."""
    from tieback.models.session import Hardware
    from tieback.models.text.claim_classifier import load_claim_classifier

    hardware = Hardware(settings.provider)
    return load_claim_classifier(card, open_store(settings), hardware)


def load_classifiers(
    settings: Settings, cards: Sequence[ClassifierCard]
) -> list[TextClassifierModel | EndpointClassifier]:
    """The cards' models, weights loaded. StartupError names what is missing."""
    from tieback.models.endpoints.classifier import EndpointClassifier
    from tieback.models.session import Hardware
    from tieback.models.text.text_classifier import load_text_classifier

    store, hardware = open_store(settings), Hardware(settings.provider)
    return [
        EndpointClassifier(card)
        if isinstance(card.options, ClassifierEndpoint)
        else load_text_classifier(card, store, hardware)
        for card in cards
    ]


def load_recognisers(settings: Settings, cards: Sequence[RecogniserCard]) -> list[RecogniserModel]:
    """The cards' recognisers, weights loaded. StartupError names what is missing."""
    from tieback.models.loading import load_recogniser
    from tieback.models.session import Hardware

    store = open_store(settings)
    hardware = Hardware(settings.provider)
    return [load_recogniser(card, store, hardware) for card in cards]


def build_router(settings: Settings, plan: Plan) -> Router:
    """The router over the served spaces and their class names, or of the binding that is served."""
    from tieback.router import Router

    if plan.bound is None:
        return Router(*plan.class_names, limits=settings.limits)
    return Router.bound(
        plan.bound, modalities=plan.modalities, limits=settings.limits, weighted_by=plan.weighted_by
    )


def build_answerer(
    settings: Settings, plan: Plan, ports: Ports, retired: RetiredSpaces | None = None
) -> Answerer:
    """The pipeline over the other services. `retired` loads spaces that are no longer served."""
    from tieback.answer import Answerer, PipelineParts
    from tieback.models.learned.ranker import TrainedRanker

    plan.artifacts.load_further()
    return Answerer(
        PipelineParts(
            joint=plan.joint,
            spaces=plan.joint_inputs,
            single=plan.single_spaces,
            encoder=ports.encoder,
            router=ports.router,
            index=ports.index,
            reranker=ports.reranker if plan.has_multi_vectors or plan.rerankers else None,
            reranks_words=plan.has_token_vectors,
            rerankers=frozenset(card.name for card in plan.rerankers),
            generator=ports.generator,
            limits=settings.limits,
            losses={} if plan.bound is None else plan.bound.losses,
            keeps_originals=settings.originals_bytes > 0 and not settings.milvus,
            retired=retired,
            token_spaces=plan.token_spaces,
            ranker=plan.artifacts.all(TrainedRanker)[0],
            highlight_space=plan.highlight_space,
            recogniser=ports.recogniser,
            recognised=frozenset(card.modality for card in plan.recognisers),
            learned=plan.artifacts.all,
        )
    )


def public_servicers(
    settings: Settings,
    plan: Plan,
    answerer: Callable[[Plan], AnswerPort],
    telemetry: Telemetry,
    *,
    states: States,
    endpoints: Endpoints,
) -> tuple[object, ...]:
    """The servicers that a public server has itself: of the catalog, and of the pipeline over collections.

    The joint space is described from cards and bindings alone, which takes reading files the first time.
    """
    from tieback.answer.plan import DEFAULT_PLAN
    from tieback.serving.servicers.answer import answer_servicer
    from tieback.serving.servicers.catalog import JointSpace, Offered, catalog_servicer

    catalog = catalog_servicer(
        Offered(
            plan.encoders,
            [plan.generator] if plan.generator is not None else [],
            plan.rerankers,
            plan.checkers,
            plan.recognisers,
            None if plan.joint is None else JointSpace.of(plan.joint, plan.spaces_by_modality),
            request_families(),
            plan.default_space,
            settings.limits,
            DEFAULT_PLAN,
            states,
            endpoints,
            plan.styles,
            plan.text_classifiers,
        )
    )
    if not plan.keeps_collections:
        return (catalog,)
    return (answer_servicer(on_trial(answerer, plan, telemetry), telemetry), catalog)


def request_families() -> list[Family[Any]]:
    """The families whose methods a request can name: those of the contract's fields that are here, by name.

    The others are chosen by cards and recipes.
    """
    from tieback.methods import families
    from tieback.serving.requests.contract import METHOD_FIELDS

    known = families()
    return [known[name] for name in sorted(METHOD_FIELDS) if name in known]
