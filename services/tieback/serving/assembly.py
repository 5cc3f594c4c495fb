"""What several processes build alike from settings; `services.py` builds the services themselves.

Every function imports what it needs when it is called, so that a process loads only what it uses.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tieback.catalog.card import EncoderCard, RecogniserCard, RerankerCard
from tieback.catalog.checker_card import CheckerCard
from tieback.core.errors import StartupError
from tieback.core.family import Family
from tieback.core.state import State
from tieback.ports import (
    AnswerPort,
    EncoderPort,
    GeneratorPort,
    GroundingPort,
    IndexPort,
    RecogniserPort,
    RerankerPort,
    RouterPort,
)
from tieback.serving import context
from tieback.serving.bound import rollout_of
from tieback.serving.plan import Plan
from tieback.serving.settings import Settings

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from tieback.answer import Answerer, RetiredSpaces
    from tieback.generator.deciding import Deciders
    from tieback.generator.judging import Judges
    from tieback.grounding import Checkers
    from tieback.models.claim_classifier import ClaimClassifierModel
    from tieback.models.cross_encoder import CrossEncoderModel
    from tieback.models.encoder_model import EncoderModel
    from tieback.models.language_model import LanguageModel
    from tieback.models.question_reader import QuestionReader
    from tieback.models.recogniser_model import RecogniserModel
    from tieback.models.state_artifact import StateArtifact
    from tieback.models.store import Store
    from tieback.router import Router
    from tieback.serving.servicers.catalog import Endpoints, States
    from tieback.serving.telemetry import Telemetry


class Ports:
    """The services as others call them, in this process or over the wire; None where one is not served."""

    encoder: EncoderPort
    index: IndexPort
    router: RouterPort | None = None
    reranker: RerankerPort | None = None
    generator: GeneratorPort | None = None
    recogniser: RecogniserPort | None = None
    grounding: GroundingPort | None = None
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

    StartupError where the settings name a checker that was learned for another space.
    """
    from tieback.grounding import Checkers, OwnChecker
    from tieback.grounding.configured_checker import LEARNED
    from tieback.models.likelihood import claim_likelihoods
    from tieback.models.state_artifact import CLAIMS

    given = settings.checker
    state = _learned(CLAIMS, given, "TIEBACK_CHECKER", plan)
    reader = None if state is None else _pair_reader(settings, plan, CLAIMS, given)
    states, revisions, likelihoods = {}, {}, None
    if state is not None and reader is not None:
        folder = _folder(CLAIMS, given)
        states[LEARNED], revisions[LEARNED] = state, folder.name
        if model is not None and model.name == CLAIMS.facts(folder).get("likelihood"):
            likelihoods = functools.partial(claim_likelihoods, model)
    return Checkers(
        states,
        likelihoods,
        revisions,
        own={card.name: OwnChecker(own[card.name], card.revision) for card in plan.checkers},
        default=settings.default_checker,
        reads=None if reader is None else reader.read,
    )


def load_reader(settings: Settings, plan: Plan) -> QuestionReader | None:
    """The network that reads a question and sentences together: of the folder that the settings name for
    judging, if it has one, else what ships. None where it was learned for another text space than is served.

    StartupError where the one that the settings name cannot run.
    """
    from tieback.models.state_artifact import READER

    folder = settings.answerability if _is_reader(settings) else None
    if _learned(READER, folder, "TIEBACK_ANSWERABILITY", plan) is None:
        return None
    return _pair_reader(settings, plan, READER, folder)


def _pair_reader(
    settings: Settings, plan: Plan, artifact: StateArtifact, folder: Path | None
) -> QuestionReader | None:
    """The network beside a state. None where what ships lacks the weights of the encoder that it builds on;
    StartupError where the settings name it.
    """
    from tieback.models.question_reader import GRAPH, load_question_reader

    [card] = [card for card in plan.encoders if card.name == plan.text_space]
    try:
        return load_question_reader(
            artifact.file(_folder(artifact, folder), GRAPH), card, open_store(settings)
        )
    except StartupError as error:
        if folder is not None:
            raise
        # A machine that has the exported graphs alone judges and checks without it.
        log.warning("%s: done without the network that ships: %s", artifact.kind.called, error)
        return None


def load_judges(settings: Settings, plan: Plan, reader: QuestionReader | None) -> Judges:
    """The judges of answerability, with what was learned for the text space that is served.

    StartupError where the settings name one that was learned for another one.
    """
    from tieback.generator.judging import Judges
    from tieback.models.state_artifact import JUDGE, READER

    given, is_reader = settings.answerability, _is_reader(settings)
    states = {}
    for name, artifact in (("question_reading", READER), ("question_alignment", JUDGE)):
        if given is None or is_reader is (artifact is READER):
            state = _learned(artifact, given, "TIEBACK_ANSWERABILITY", plan)
            if state is not None:
                states[name] = state
    if reader is None:
        states.pop("question_reading", None)
    return Judges(states, reader)


def _is_reader(settings: Settings) -> bool:
    """Whether the judge that the settings name has a network that reads."""
    from tieback.models.state_artifact import READER

    return settings.answerability is not None and READER.is_in(settings.answerability.expanduser())


def load_deciders(settings: Settings, plan: Plan, model: LanguageModel | None) -> Deciders:
    """What decides about questions, with what was learned for the text space that is served. It reads states
    of the language model where it is the one that they were read of in training.

    StartupError where the settings name one that was learned for another space.
    """
    from tieback.generator.deciding import LEARNED, Deciders
    from tieback.models.state_artifact import DECIDER

    state = _learned(DECIDER, settings.decider, "TIEBACK_DECIDER", plan)
    if state is None:
        return Deciders()
    asked = DECIDER.facts(_folder(DECIDER, settings.decider)).get("model")
    return Deciders({LEARNED: state}, model if model is not None and model.name == asked else None)


def _learned(artifact: StateArtifact, folder: Path | None, setting: str, plan: Plan) -> State | None:
    """What was learned in the served text space: of the folder that a setting names, else what ships."""
    served = [card.space for card in plan.encoders if card.name == plan.text_space]
    state = artifact.learned(_folder(artifact, folder), served)
    if state is None and folder:
        raise StartupError(
            f"{setting}: {folder} was not learned in {plan.text_space} as it is served; "
            f"{artifact.kind.remedy}"
        )
    return state


def _folder(artifact: StateArtifact, folder: Path | None) -> Path:
    return folder.expanduser() if folder else artifact.shipped()


def load_models(settings: Settings, cards: Sequence[EncoderCard]) -> list[EncoderModel]:
    """The cards' models, weights loaded. StartupError names what is missing."""
    from tieback.models.loading import load_encoder
    from tieback.models.session import Hardware
    from tieback.recipes.export import make_merged

    store = open_store(settings)
    make_merged(cards, store, lambda name, said: log.info("%s: %s", name, said))
    hardware = Hardware(
        settings.provider,
        settings.session_threads,
        settings.cuda_tf32,
        settings.cuda_graphs,
        settings.adapter_bytes,
    )
    return [load_encoder(card, store, hardware) for card in cards]


def load_rerankers(settings: Settings, cards: Sequence[RerankerCard]) -> list[CrossEncoderModel]:
    """The cards' cross-encoders, weights loaded. StartupError names what is missing."""
    from tieback.models.cross_encoder import load_cross_encoder
    from tieback.models.session import Hardware

    store = open_store(settings)
    hardware = Hardware(settings.provider, settings.session_threads, settings.cuda_tf32)
    return [load_cross_encoder(card, store, hardware) for card in cards]


def load_claim_classifier(settings: Settings, card: CheckerCard) -> ClaimClassifierModel:
    """The checker's model, weights loaded. StartupError names what is missing."""
    from tieback.models.claim_classifier import load_claim_classifier
    from tieback.models.session import Hardware

    hardware = Hardware(settings.provider, settings.session_threads, settings.cuda_tf32)
    return load_claim_classifier(card, open_store(settings), hardware)


def load_recognisers(settings: Settings, cards: Sequence[RecogniserCard]) -> list[RecogniserModel]:
    """The cards' recognisers, weights loaded. StartupError names what is missing."""
    from tieback.models.loading import load_recogniser
    from tieback.models.session import Hardware

    store = open_store(settings)
    hardware = Hardware(settings.provider, settings.session_threads, settings.cuda_tf32)
    return [load_recogniser(card, store, hardware) for card in cards]


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


def build_answerer(
    settings: Settings, plan: Plan, ports: Ports, retired: RetiredSpaces | None = None
) -> Answerer:
    """The pipeline over the other services. `retired` loads spaces that are no longer served."""
    from tieback.answer import Answerer
    from tieback.models.ranker_artifact import TrainedRanker, shipped

    return Answerer(
        joint=plan.joint,
        spaces=plan.joint_inputs,
        single=plan.single_spaces,
        encoder=ports.encoder,
        router=ports.router,
        index=ports.index,
        reranker=ports.reranker if plan.has_multi_vectors or plan.rerankers else None,
        reranks_words=plan.has_token_vectors,
        rerankers=frozenset(card.name for card in plan.rerankers),
        compositions=plan.compositions,
        conditions=plan.conditions,
        generator=ports.generator,
        limits=settings.limits,
        evidence_limit=settings.evidence,
        losses={} if plan.bound is None else plan.bound.losses,
        encode_share=settings.encode_share,
        keeps_originals=settings.originals_bytes > 0 and not settings.milvus,
        retired=retired,
        token_spaces=plan.token_spaces,
        ranker=TrainedRanker.load(settings.ranker or shipped()),
        highlight_space=plan.highlight_space,
        recogniser=ports.recogniser,
        recognised=frozenset(card.modality for card in plan.recognisers),
    )


def public_servicers(
    settings: Settings,
    plan: Plan,
    answerer: Callable[[], AnswerPort],
    telemetry: Telemetry,
    *,
    states: States,
    endpoints: Endpoints,
) -> tuple[object, ...]:
    """The servicers that a public server has itself: of the catalog, and of the pipeline over collections.

    The joint space is described from cards and bindings alone, which takes reading files the first time.
    """
    from tieback.answer.plan import DEFAULT_PLAN
    from tieback.serving.servicers.answer import AnswerServicer
    from tieback.serving.servicers.catalog import CatalogServicer, JointSpace

    catalog = CatalogServicer(
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
    )
    return (AnswerServicer(answerer(), telemetry), catalog) if plan.keeps_collections else (catalog,)


def request_families() -> list[Family[Any]]:
    """The families whose methods a request can name: those of the contract's fields, by name.

    The others are chosen by cards and recipes.
    """
    from tieback.methods import families
    from tieback.serving.contract import METHOD_FIELDS

    known = families()
    return [known[name] for name in sorted(METHOD_FIELDS)]
