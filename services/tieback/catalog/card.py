"""Cards: one YAML file describes a model, its source and how its vectors are made.

    Sourced ── MediaCard         photos and clips for the demo and the tests
            └─ Card ┬─ EncoderCard      contents → vectors of a space
                    ├─ RerankerCard     query and passage → score
                    ├─ CheckerCard      evidence and claim → whether it is supported (checker_card.py)
                    ├─ ClassifierCard   text → labels with scores (classifier_card.py)
                    ├─ RecogniserCard   picture or sound → text with places
                    └─ GeneratorCard    prompt → text

A card's `revision` names the weights, its `fingerprint` how they are used, its `precision` in what: with the
name they make the space. A misspelt key, a missing hash or a width that was not
trained is refused when the card is read, never when a request arrives.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

from tieback.catalog.base_card import NAME, Card, CardMethod, MediaCard
from tieback.catalog.endpoint_options import EncoderEndpoint
from tieback.catalog.merge import Merge, check_merged
from tieback.catalog.precision import LowerPrecision, MeasuredDrift, Precision
from tieback.catalog.run_choices import WHOLE, RunChoices
from tieback.catalog.runtimes.dual_encoder import DualEncoder
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.catalog.runtimes.label_recogniser import LabelRecogniser
from tieback.catalog.runtimes.transformer_text import TransformerText
from tieback.catalog.runtimes.visual_document import VisualDocument
from tieback.catalog.source import PackageSource, Strict, short_hash
from tieback.core.errors import StartupError
from tieback.core.types.encoding import MIXED, WITH
from tieback.core.types.fusion import JOINT_SPACE
from tieback.methods.reranking import NO_RERANKING, rerankings

__all__ = [
    "Card",
    "CardMethod",
    "EncoderCard",
    "GeneratorCard",
    "MediaCard",
    "PackageSource",
    "RecogniserCard",
    "RerankerCard",
]


class EarlierSpace(Strict):
    """A space that vectors of another encoder compare with by their leading dimensions, and its width."""

    name: str
    revision: str
    fingerprint: str
    width: Annotated[int, Field(gt=0)]

    @property
    def ref(self) -> SpaceRef:
        """The space."""
        return SpaceRef(self.name, self.revision, self.fingerprint)


class EncoderCard(Card):
    """A model that turns contents into vectors.

    `widths` are the prefixes that the model was trained to be cut to (Matryoshka), the full width among them;
    empty means that only the full width is offered. `joint` is how the space enters the joint one: as a
    block of its own ("component"), by the names of its classes ("class_names"), where it has none of these by
    pairs of texts and inputs that a binding is made with ("pairs"), or not at all. `precision` is the one
    that is served: float32, or one of `precisions`, which are made beside it. A model whose weights were
    published in another names that alone. What is `optional` is served where TIEBACK_SPACES names it, and
    bound then where it has a `joint`; by default it is neither. With `merge` the weights are made of those of
    other encoders, and the revision is that of the recipe and of every parent. `compatible` are spaces of
    earlier models, the oldest first, that the leading dimensions of this one's vectors are in, as it was
    trained.

    `shares` names a space that several cards lead into, whose vectors compare as they are: the towers of a
    dual encoder, or one encoder with the prompts of its two sides. A client asks each card by its own name,
    and the vectors carry the shared one. It is one space because the three parts of its SpaceRef agree: the
    name is the shared one, the revision that of the folder that all the cards point at, and the fingerprint
    is over everything that they have to have in common, which is all but what tells them apart (modality and
    `prompt`). Where that differs, they are two spaces, and their vectors are refused beside each other.
    """

    role: Literal["encoder"] = "encoder"
    modality: Modality
    width: Annotated[int, Field(gt=0)]
    widths: tuple[int, ...] = ()
    kinds: frozenset[VectorKind]
    max_tokens: Annotated[int, Field(gt=0)] | None = None
    joint: Literal["component", "class_names", "pairs"] | None = None
    pooling: CardMethod | None = None
    precision: Precision = "float32"
    precisions: dict[Precision, LowerPrecision] = Field(default_factory=dict)
    shares: Annotated[str, Field(pattern=NAME)] | None = None
    optional: bool = False
    merge: Merge | None = None
    compatible: tuple[EarlierSpace, ...] = ()
    _parents: tuple[EncoderCard, ...] = PrivateAttr(())

    @field_validator("kinds")
    @classmethod
    def _has_a_vector(cls, kinds: frozenset[VectorKind]) -> frozenset[VectorKind]:
        if not kinds & {VectorKind.DENSE, VectorKind.SPARSE}:
            raise ValueError("every encoder has the kind 'dense' or 'sparse'")
        return kinds

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> EncoderCard:
        if self.widths and (max(self.widths) != self.width or min(self.widths) <= 0):
            raise ValueError("widths are positive, and the largest of them is the width")
        if self.joint == "class_names" and VectorKind.LABELS not in self.kinds:
            raise ValueError("joint: class_names needs an encoder with the kind 'labels'")
        if self.joint == "component" and self.modality is not Modality.TEXT and self.shares is None:
            raise ValueError(
                "joint: component is for text encoders, and for those that share a space with one"
            )
        if self.joint == "component" and VectorKind.DENSE not in self.kinds:
            raise ValueError("joint: component needs an encoder with the kind 'dense'")
        if self.joint == "pairs" and self.modality is Modality.TEXT:
            raise ValueError("joint: pairs is for encoders of what is no text; a text encoder is a component")
        if self.joint == "pairs" and VectorKind.DENSE not in self.kinds:
            raise ValueError("joint: pairs needs an encoder with the kind 'dense'")
        if self.joint and self.modality is Modality.FEATURES:
            raise ValueError("a space of features enters no joint space: leave joint out")
        if self.precisions and not isinstance(self.options, TransformerText):
            raise ValueError("precisions are made of transformer_text and late_interaction encoders")
        if self.merge is not None:
            check_merged(self)
        if any(one.width > self.width for one in self.compatible):
            raise ValueError("a compatible space is at most as wide as the model's own")
        if isinstance(self.options, EncoderEndpoint):
            self._check_endpoint()
        self._check_sharing()
        if self.precision not in self.offered_precisions or "float32" in self.precisions:
            raise ValueError("precision is float32 or one of precisions, which are lower ones")
        return self

    @property
    def is_merged(self) -> bool:
        """Whether the weights are made of other cards'."""
        return self.merge is not None

    def made_of(self, parents: Sequence[EncoderCard]) -> EncoderCard:
        """The merged card with the cards of its parents, in the order in which the merge names them."""
        card = self.model_copy()
        card._parents = tuple(parents)
        return card

    @property
    def parents(self) -> dict[str, EncoderCard]:
        """As of any card. StartupError before they were looked up."""
        if self.merge is not None and not self._parents:
            raise StartupError(f"the card {self.name} is merged of cards that were not looked up")
        return {parent.name: parent for parent in self._parents}

    @property
    def revision(self) -> str:
        """Names the weights; of a merged model, the recipe and what each parent's weights are."""
        if self.merge is None:
            return super().revision
        weights = (f"{one.name} {one.revision} {one.fingerprint}" for one in self.parents.values())
        return short_hash(json.dumps(self.merge.recipe, sort_keys=True), *weights)

    @property
    def space(self) -> SpaceRef:
        """The space that this card's vectors are in: a lower precision has one of its own."""
        lower = self.precision in self.precisions
        common = self.fingerprint if self.shares is None else self._common_fingerprint
        fingerprint = short_hash(common, self.precision) if lower else common
        return SpaceRef(self.shares or self.name, self.revision, fingerprint)

    @property
    def choices(self) -> RunChoices:
        """The choices that requests have of how the model is run."""
        found: RunChoices = getattr(self.options, "choices", WHOLE)
        return found

    def space_of(self, part: str) -> SpaceRef:
        """The space of the vectors of a part of the model, as `choices` name it; empty for the card's own."""
        if not part:
            return self.space
        return dataclasses.replace(self.space, fingerprint=short_hash(self.space.fingerprint, part))

    @property
    def adapters(self) -> tuple[str, ...]:
        """The experts that a request may name, and `MIXED` where a router can weigh them."""
        if self.merge is None:
            return ()
        return (*self.merge.kept, MIXED) if self.merge.kept and self.merge.router else self.merge.kept

    def space_with(self, adapter: str) -> SpaceRef:
        """The space of the vectors that an expert's adapter makes, in float32 whatever the precision is."""
        routed = self.merge.router_digests if self.merge is not None and adapter == MIXED else ()
        own = short_hash(self.fingerprint, f"adapter {adapter}", *routed)
        return SpaceRef(f"{self.name}{WITH}{adapter}", self.revision, own)

    @property
    def unbound_joint(self) -> str | None:
        """`joint` where no binding is served: shared spaces and pairs enter by a binding alone."""
        return None if self.shares is not None or self.joint == "pairs" else self.joint

    @property
    def offered_precisions(self) -> tuple[Precision, ...]:
        """The precisions that can be served."""
        return ("float32", *self.precisions) if self.precisions else (self.precision,)

    def at(self, precision: str) -> EncoderCard:
        """The card with that precision served. StartupError, with the choices, where it is not offered."""
        if precision not in self.offered_precisions:
            raise StartupError(
                f"{self.name} is not offered in {precision!r}; it is in: {', '.join(self.offered_precisions)}"
            )
        return self.model_copy(update={"precision": precision})

    @property
    def drift(self) -> tuple[MeasuredDrift, ...]:
        """What the precision costs, as measured."""
        lower = self.precisions.get(self.precision)
        return lower.drift if lower else ()

    @property
    def export(self) -> str:
        """As of any card, and of the precisions and choices that are made."""
        if isinstance(self.options, DualEncoder | VisualDocument):  # the towers' cards differ in nothing else
            return short_hash(self.fingerprint, self.modality)
        made = [
            *sorted(self.precisions),
            *self.choices.made,
            *(f"router {name} {file}" for name, file in (self.merge.router if self.merge else {}).items()),
        ]
        return short_hash(self.fingerprint, *made) if made else self.fingerprint

    @property
    def offered_widths(self) -> tuple[int, ...]:
        """The widths that may be asked for, smallest first."""
        return tuple(sorted({*self.widths, self.width}))

    @property
    def _common_fingerprint(self) -> str:
        """Of all that cards with one space have in common. How much a tower reads is in the folder."""
        construction = self._construction()
        construction["options"].pop("prompt", None)
        if isinstance(self.options, EncoderEndpoint):
            construction["options"].pop("extra")  # which names the side to some servers
        if isinstance(self.options, DualEncoder | VisualDocument):
            del construction["max_tokens"]
        return short_hash(json.dumps(construction | {"shares": self.shares}, sort_keys=True, default=str))

    def _check_sharing(self) -> None:
        dual = isinstance(self.options, DualEncoder)
        if dual and self.modality not in (Modality.TEXT, Modality.IMAGE, Modality.AUDIO):
            raise ValueError("a dual_encoder's card is of its tower of text, image or audio (modality)")
        if dual and self.kinds != {VectorKind.DENSE}:
            raise ValueError("a dual_encoder offers the kind 'dense' alone")
        if self.shares is None:
            return
        if self.shares == JOINT_SPACE:
            raise ValueError(f"shares names a space of the cards' own, not the {JOINT_SPACE!r} one")
        if self.directory is None and not isinstance(self.options, EncoderEndpoint):
            raise ValueError("cards that share a space have a directory")
        if not isinstance(self.options, TransformerText | VisualDocument) and self.kinds != {
            VectorKind.DENSE
        }:
            raise ValueError(
                "cards that share a space have the kind 'dense' alone, but for encoders of texts or of pages"
            )
        if self.joint not in (None, "component"):
            raise ValueError("cards that share a space have one block of the joint space (component) or none")

    def _check_endpoint(self) -> None:
        if self.modality is not Modality.TEXT or self.kinds != {VectorKind.DENSE}:
            raise ValueError("an endpoint gives vectors of texts: modality text, and the kind 'dense' alone")
        if self.joint is not None or self.pooling is not None:
            raise ValueError("the model of an endpoint is not run here: leave joint and pooling out")

    def _construction(self) -> dict[str, Any]:
        pooling = self.pooling.model_dump(mode="json") if self.pooling else None
        common = super()._construction()
        if isinstance(self.options, EncoderEndpoint):
            # The API is no part of the model: the canary says whether the same one answers by another.
            common = {"runtime": "endpoint", "options": _of_the_model(self.options)}
        return common | {"width": self.width, "max_tokens": self.max_tokens, "pooling": pooling}


def _of_the_model(options: EncoderEndpoint) -> dict[str, Any]:
    """The options of an endpoint that name what its vectors are."""
    return options.model_dump(mode="json", include={"model", "version", "prompts", "prompt", "extra"})


class RerankerCard(Card):
    """A model that scores how well a passage answers a query. Both together have at most `max_tokens`.

    Requests name it where they name a method of the family `reranking`.
    """

    role: Literal["reranker"]
    max_tokens: Annotated[int, Field(gt=0)]

    @field_validator("name")
    @classmethod
    def _is_no_method(cls, name: str) -> str:
        if name == NO_RERANKING or name in rerankings.names():
            raise ValueError(f"{name!r} is how requests name a method of reranking; give it another name")
        return name

    def _construction(self) -> dict[str, Any]:
        return super()._construction() | {"max_tokens": self.max_tokens}


class RecogniserCard(Card):
    """A model that reads pictures, writes down sounds, or names what is in either.

    All of a content's modality are used where a request names none. What is `optional` is served where
    TIEBACK_RECOGNISERS names it.
    """

    role: Literal["recogniser"]
    modality: Literal[Modality.IMAGE, Modality.AUDIO]
    optional: bool = False

    @model_validator(mode="after")
    def _is_of_its_classifiers_modality(self) -> RecogniserCard:
        if isinstance(self.options, LabelRecogniser):
            is_of_pictures = isinstance(self.options.classifier, ImageClassifier)
            if is_of_pictures is not (self.modality is Modality.IMAGE):
                raise ValueError(f"the classifier is a {self.options.classifier.runtime}: correct modality")
        return self


class GeneratorCard(Card):
    """A model that writes text. Prompt and answer together have `context_tokens`."""

    role: Literal["generator"]
    context_tokens: Annotated[int, Field(gt=0)]
    quotes: bool = False
    """Whether quotes are better answers than what it writes, so that the style `auto` quotes."""
    answer_tokens: Annotated[int, Field(gt=0)] = 96
    """An answer has at most so many where the request says nothing of it."""
    evidence_tokens: Annotated[int, Field(ge=0)] = 0
    """Of the evidence in a prompt, where the request says nothing of it; 0 for its two best sentences."""
    grounded_prompt: str = ""
    """The instruction of a prompt with evidence, without examples; empty for ours, with its examples."""
    stop: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field((), max_length=16)
    """Texts before which its answers end, beside those of the request."""
    chat_template: str = ""
    """In place of the template that comes with the weights, or that the endpoint has."""

    @model_validator(mode="after")
    def _leaves_room(self) -> GeneratorCard:
        if self.answer_tokens + self.evidence_tokens >= self.context_tokens:
            raise ValueError(
                "answer_tokens and evidence_tokens leave no room in context_tokens for a question"
            )
        if self.chat_template and getattr(self.options, "dialect", "vllm") != "vllm":
            raise ValueError("chat_template is sent to vLLM alone: leave it out, or set dialect: vllm")
        return self

    @property
    def export(self) -> str:
        """As of any card, and of the graph that the recipe writes."""
        return short_hash(self.fingerprint, self.options.graph)
