"""What a server serves: the catalog's cards, cut down to what the settings name, and the spaces of these."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from tieback_contract.answers import AnswerStyle
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback.catalog.base_card import HttpEndpoint
from tieback.catalog.card import Card, EncoderCard, GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.checker_card import CheckerCard
from tieback.catalog.runtimes.visual_document import VisualDocument
from tieback.core import extensions
from tieback.core.errors import NotFound, StartupError
from tieback.core.types.fusion import JOINT_SPACE, Role
from tieback.methods.grounding import checkers
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.learned import ServedModels
from tieback.models.store import Store
from tieback.serving.plan.artifacts import ServedArtifacts
from tieback.serving.plan.bindings import served_binding
from tieback.serving.plan.spaces import bound_joint_inputs, by_modality, encoders_in, single_space
from tieback.serving.plan.trials import Trial, trials_of
from tieback.serving.settings import Settings
from tieback.serving.settings.precisions import at_chosen_precisions
from tieback.token_spaces import TokenSpace, TokenSpaces

if TYPE_CHECKING:
    from tieback.answer import JointInputs, SingleSpace
    from tieback.models.joint.bridges import ClassNameBridge
    from tieback.router import Component, JointSpace

NONE = "none"
"""Names no card, where a setting names cards."""
DEFAULT_GENERATOR = "smollm2-135m-instruct"
"""The language model where the settings name none: another card makes no other default."""

C = TypeVar("C", bound=Card)


class Plan:
    """Which cards are served: the catalog's, cut down to what the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.other_weights: JointSpaceArtifact | None = None
        extensions.use(settings.extensions)
        catalog = Catalog.load(settings.cards)
        names = [one for name in settings.spaces for one in catalog.sharing(name)]
        names = names or [card.name for card in catalog.encoders() if not card.optional]
        served = _chosen("SPACES", "space", catalog.encoders(), sorted({*names}))
        self.encoders = at_chosen_precisions(served, settings.precision, settings.provider)
        self._regions = settings.regions
        rerankers, own_checkers, recognisers = catalog.rerankers(), catalog.checkers(), catalog.recognisers()
        named = sorted(_names(settings.rerankers, (card.name for card in rerankers)))
        self.rerankers = _chosen("RERANKERS", "reranker", rerankers, named)
        named = sorted(_names(settings.checkers, (card.name for card in own_checkers)))
        self.checkers = _chosen("CHECKERS", "checker", own_checkers, named)
        self.text_classifiers = tuple(catalog.classifiers())
        _check_default_checker(settings.default_checker, self.checkers)
        read = [one for one in recognisers if one.modality in self.modalities.values() and not one.optional]
        named = _names(settings.recognisers, (card.name for card in read))
        self.recognisers = _chosen("RECOGNISERS", "recogniser", recognisers, named)
        self.generator: GeneratorCard | None = None
        # What a model writes is checked by a text space, so a server without one offers none by default.
        if settings.generator != NONE and (self.reads_text or settings.generator):
            name = settings.generator or DEFAULT_GENERATOR
            (self.generator,) = _chosen("GENERATOR", "model", catalog.generators(), [name])
        self.artifacts = ServedArtifacts(
            settings.artifacts,
            ServedModels(
                self.encoders,
                [card for card in self.encoders if self.reads_text and card.name == self.text_space],
                [] if self.generator is None else [self.generator],
                Store(settings.models.expanduser()),
            ),
        )

    @property
    def keeps_collections(self) -> bool:
        """Whether there is an index, and with it the pipeline over collections, operations and heads."""
        return self._settings.index_enabled

    @property
    def is_stored_elsewhere(self) -> bool:
        """Whether collections are in a store that several processes of the index may use."""
        return bool(self._settings.milvus)

    @cached_property
    def bound(self) -> JointSpaceArtifact | None:
        """The binding that makes the joint space, held against what is served; None for class names."""
        return served_binding(self._settings, self.encoders)

    @property
    def weighted_by(self) -> JointSpaceArtifact | None:
        """The binding whose routers are on trial, in a plan of a trial."""
        self.artifacts.asked.add(JointSpaceArtifact)
        return self.other_weights

    @cached_property
    def trials(self) -> list[Trial]:
        """Artifacts on trial, each with a plan as if it were served."""
        return trials_of(self._settings, self)

    @cached_property
    def joint(self) -> JointSpace | None:
        """The joint space as whoever does not fuse needs it: without graphs, which take long to load."""
        from tieback.router.bound import joint_space_of
        from tieback.router.class_names import class_name_space

        if not self.joins:
            return None
        if self.bound is not None:
            return joint_space_of(self.bound, self.modalities)
        return class_name_space(*self.class_names)

    @property
    def class_names(self) -> tuple[list[Component], list[ClassNameBridge]]:
        """The blocks of the joint space where nothing is bound, and the class names that lead into them."""
        from tieback.models.joint.bridges import load_bridges
        from tieback.router import Component

        spaces = [card.space for card in (*self.classifiers, *self.components)]
        return (
            [Component(card.space, card.width) for card in self.components],
            load_bridges(Store(self._settings.models).bindings, spaces),
        )

    @property
    def modalities(self) -> dict[str, Modality]:
        """What each encoder encodes."""
        return {card.name: card.modality for card in self.encoders}

    @property
    def spaces(self) -> tuple[SpaceRef, ...]:
        """The exact names of all spaces that collections can be in."""
        joint = [self.joint.ref] if self.joint is not None else []
        return (*joint, *(one.ref for one in self.single_spaces))

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
    def answers(self) -> bool:
        """Whether there are answers: a language model writes them, or they are quoted by a text space."""
        return self.generator is not None or self.reads_text

    @property
    def styles(self) -> tuple[AnswerStyle, ...]:
        """How answers can be made; first as they are where nothing is said of it."""
        if self.generator is None:
            return (AnswerStyle.QUOTE,) if self.answers else ()
        by_model = (AnswerStyle.WRITE, AnswerStyle.QUOTE)
        return by_model[::-1] if self.generator.quotes else by_model

    @property
    def endpoints(self) -> tuple[Card, ...]:
        """The served cards of models that other servers run."""
        writers = () if self.generator is None else (self.generator,)
        cards = (*self.encoders, *self.rerankers, *self.checkers, *self.text_classifiers, *writers)
        return tuple(card for card in cards if isinstance(card.options, HttpEndpoint))

    @property
    def has_multi_vectors(self) -> bool:
        """Whether contents of a served space can be compared row by row."""
        return any(VectorKind.MULTI_VECTOR in card.kinds for card in self.encoders)

    @property
    def reranks(self) -> bool:
        """Whether there is a reranker."""
        return self.reads_text or self.has_multi_vectors or bool(self.rerankers)

    @property
    def has_token_vectors(self) -> bool:
        """Whether the pipeline can rerank by words."""
        return self.reads_text and any(
            card.name == self.text_space and VectorKind.MULTI_VECTOR in card.kinds for card in self.encoders
        )

    @property
    def token_spaces(self) -> TokenSpaces:
        """The text spaces whose token vectors collections may keep, the one that reranks first."""
        first = self.reranking_space
        cards = {card.name: card for card in self.encoders}
        found = [cards[sides[Role.DOCUMENT]] for sides in self._token_sides.values()]
        found.sort(key=lambda card: card.name != first)
        return TokenSpaces([TokenSpace(card.name, card.space, card.width) for card in found])

    @property
    def encoders_by_side(self) -> dict[str, dict[Role, str]]:
        """The encoders of queries and of documents, by the names of a space with two and of both."""
        pages: dict[SpaceRef, dict[Role, str]] = {}
        for card in self.encoders:
            if isinstance(card.options, VisualDocument):
                role = Role.DOCUMENT if card.modality is Modality.IMAGE else Role.QUERY
                pages.setdefault(card.space, {})[role] = card.name
        both = {ref: sides for ref, sides in pages.items() if len(sides) == len(Role)}
        return {
            name: sides
            for ref, sides in {**self._token_sides, **both}.items()
            if len({*sides.values()}) > 1
            for name in (ref.name, *sides.values())
        }

    @property
    def _token_sides(self) -> dict[SpaceRef, dict[Role, str]]:
        """By each space with vectors of the tokens of texts, its encoder in each role."""
        found: dict[SpaceRef, dict[str, EncoderCard]] = {}
        for card in self.encoders:
            if card.modality is Modality.TEXT and VectorKind.MULTI_VECTOR in card.kinds:
                found.setdefault(card.space, {})[card.name] = card
        return {
            ref: {role: encoders_in(role, cards)[Modality.TEXT][0] for role in Role}
            for ref, cards in found.items()
        }

    @property
    def single_spaces(self) -> tuple[SingleSpace, ...]:
        """The dense spaces, each of which collections can be in without the joint one."""
        found: dict[SpaceRef, dict[str, EncoderCard]] = {}
        for card in self.encoders:
            if VectorKind.DENSE in card.kinds:
                found.setdefault(card.space, {})[card.name] = card
        whole = [single_space(ref, cards, self._regions) for ref, cards in found.items()]
        of_experts = [
            dataclasses.replace(
                single_space(card.space_with(name), {card.name: card}, self._regions), adapter=name
            )
            for card in self.encoders
            for name in card.adapters
        ]
        return (*whole, *of_experts)

    @property
    def default_space(self) -> str:
        """The space of collections that are made without naming one; empty where one has to be named."""
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
    def highlight_space(self) -> str:
        """The space that compares sentences of hits: one of static vectors, which take no time; or empty."""
        cards = [card for card in self.encoders if card.runtime == "static_text"]
        return next((card.name for card in cards if VectorKind.DENSE in card.kinds), "")

    @property
    def reranking_space(self) -> str:
        """The space in which contents are compared that come without one; empty where only models compare."""
        if self.reads_text:
            return self.text_space
        return next((card.name for card in self.encoders if VectorKind.MULTI_VECTOR in card.kinds), "")

    @property
    def spaces_by_modality(self) -> dict[Modality, tuple[str, ...]]:
        """Which spaces encode what for the pipeline."""
        if not self.joins:
            return {}
        bound = self.bound
        return by_modality(
            {
                card.name: card
                for card in self.encoders
                if (card.unbound_joint if bound is None else bound.takes(card.space.name, card.modality))
            }
        )

    @property
    def joint_inputs(self) -> JointInputs:
        """How the spaces take part in the joint one."""
        from tieback.answer import JointInputs

        if self.bound is None:
            return JointInputs(self.spaces_by_modality)
        return bound_joint_inputs(self.bound, {card.name: card for card in self.encoders}, self._regions)


def _names(given: Sequence[str], otherwise: Iterable[str]) -> list[str]:
    """The names that a setting has; none where it says so, and the others where it is empty."""
    return [] if list(given) == [NONE] else [*dict.fromkeys(given)] or [*otherwise]


def _chosen(setting: str, kind: str, cards: Iterable[C], names: Iterable[str]) -> tuple[C, ...]:
    """The cards of these names. StartupError, with the choices, for one that is not there."""
    known = {card.name: card for card in cards}
    for name in names:
        if name not in known:
            raise StartupError(f"TIEBACK_{setting}: {NotFound(kind, name, known).message}")
    return tuple(known[name] for name in names)


def _check_default_checker(named: str, served: Iterable[CheckerCard]) -> None:
    choices = [*checkers.names(), *(card.name for card in served)]
    if named and named not in choices:
        raise StartupError(f"TIEBACK_DEFAULT_CHECKER: {NotFound('checker', named, choices).message}")
