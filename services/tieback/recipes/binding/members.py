"""Which spaces a binding joins.

Text spaces with a block, classifiers with known prototypes, encoders that share a text space (towers), and
sparse spaces, whose terms lead into the others' blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.catalog.options import AudioClassifier, ImageClassifier
from tieback.core.errors import NotFound, StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.core.types.vectors import SpaceRef
from tieback.models.encoder_model import EncoderModel
from tieback.models.labels import read_class_names
from tieback.models.loading import RUNTIMES, load_encoder
from tieback.models.store import Store
from tieback.recipes.binding.anchors import captions
from tieback.recipes.binding.prototypes import class_prototypes


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A classifying encoder: class `i` is called `names[i]` and looks like `prototypes[i]` `[width]`."""

    card: EncoderCard
    names: tuple[str, ...]
    prototypes: Array

    @property
    def directions(self) -> Array:
        """The prototypes `[classes, width]` without what they share, of length 1."""
        centred = self.prototypes - self.prototypes.mean(axis=0)
        return np.asarray(
            centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12), np.float32
        )

    @property
    def named(self) -> bool:
        """Whether its classes have names, by which its inputs enter text spaces where there is no binding."""
        return True

    @property
    def told(self) -> bool:
        """Whether its captions say of what modality they speak."""
        return True

    def captions(self) -> list[list[str]]:
        """By template, the caption of every thing that it tells apart: of its classes."""
        return captions(self.names, self.card.modality)

    def groups(self) -> Array:
        """Which of these things each row of `prototypes` is of."""
        return np.arange(len(self.names))

    def once(self, rows: Array) -> Array:
        """Those of `rows` that are the first of their thing."""
        return rows

    def beside(self) -> Mapping[str, Array]:
        """What other encoders say of the same inputs `[rows, width]`, by name."""
        return {}


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """The spaces that are bound. `left_out` says of the others why they are not.

    `towers` are encoders of other modalities into the space of one of the `texts`; `sparse` are text spaces
    without a block.
    """

    texts: tuple[EncoderCard, ...]
    classifiers: tuple[Classifier, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    towers: tuple[EncoderCard, ...] = ()
    sparse: tuple[EncoderCard, ...] = ()

    @property
    def cards(self) -> tuple[EncoderCard, ...]:
        """Of every member."""
        return (*self.texts, *(one.card for one in self.classifiers), *self.towers, *self.sparse)

    def towers_of(self, text: EncoderCard) -> tuple[EncoderCard, ...]:
        """The towers that share the text encoder's space."""
        return tuple(one for one in self.towers if one.space == text.space)

    def reading(self, modality: Modality) -> tuple[EncoderCard, ...]:
        """Classifiers and towers that hear or see that modality."""
        cards = (*(one.card for one in self.classifiers), *self.towers)
        return tuple(card for card in cards if card.modality is modality)

    def of(self, modality: Modality) -> tuple[Classifier, ...]:
        """The classifiers that hear or see that modality."""
        return tuple(one for one in self.classifiers if one.card.modality is modality)


class Encoders:
    """Loaded encoders; each is loaded when it is first needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._loaded: dict[str, EncoderModel] = {}

    def __getitem__(self, card: EncoderCard) -> EncoderModel:
        if card.name not in self._loaded:
            self._loaded[card.name] = load_encoder(card, self._store)
        return self._loaded[card.name]

    def model_of(self, card: EncoderCard) -> Callable[..., Any]:
        """What will run the card, whose source decides what it says."""
        return RUNTIMES[card.runtime]


def members(
    cards: Iterable[EncoderCard], store: Store, names: Sequence[str], say: Callable[[str], None]
) -> Members:
    """The stored cards that take part, or those of `names` alone.

    NotFound for a name that no card has. StartupError where a named one is not in the store or has no way
    into the joint space, or no text space or no classifier is left. A classifier without prototypes is left
    out, and said so: it keeps the way by the names of its classes. So is a tower without the text encoder of
    its space, and what is optional takes part where it is named.
    """
    known = {card.name: card for card in cards}
    for name in names:
        if name not in known:
            raise NotFound("space", name, known)
        if not store.is_ready(known[name]):
            raise StartupError(f"the model {name} is not in the store; run: tieback models pull {name}")
        if known[name].joint is None:
            raise StartupError(f"{name} does not say how it enters the joint space: give its card a `joint`")
    chosen = [card for card in known.values() if store.is_ready(card) and takes_part(card, names)]
    left_out: dict[str, str] = {}
    classifiers = []
    for card in chosen:
        if card.joint != "class_names":
            continue
        try:
            class_names = _class_names(card, store)
            classifiers.append(Classifier(card, class_names, class_prototypes(card, store, len(class_names))))
        except StartupError as error:
            left_out[card.name] = error.message
            say(f"{card.name} is left out: {error.message}; its way by class names stays as it is")
    texts = tuple(card for card in chosen if card.joint == "component" and card.modality is Modality.TEXT)
    towers = _towers([card for card in chosen if card.shares and card.joint == "component"], left_out, say)
    paired = any(card.joint == "pairs" for card in chosen)  # by what: paired.py
    if not texts or not (classifiers or towers or paired):
        missing = "text space with a block (joint: component)" if not texts else "classifier with prototypes"
        raise StartupError(
            f"there is nothing to bind: no {missing} is in the store at {store.root}; "
            "run: tieback models pull"
        )
    sparse = tuple(card for card in chosen if card.joint == "terms")
    return Members(texts, tuple(classifiers), left_out, towers, sparse)


def takes_part(card: EncoderCard, names: Sequence[str]) -> bool:
    """Whether the card is one of `names`; where there are none, whether it is not optional."""
    return card.name in names if names else not card.optional


def called(card: EncoderCard) -> SpaceRef:
    """The space by the card's own name, which tells encoders of one space apart while they are bound."""
    return SpaceRef(card.name, card.space.revision, card.space.fingerprint)


def _towers(
    shared: Sequence[EncoderCard], left_out: dict[str, str], say: Callable[[str], None]
) -> tuple[EncoderCard, ...]:
    """Of the cards that share a space, those that encode no text.

    StartupError where cards of one name are in two spaces, or two of one space encode the same.
    """
    towers = []
    for name in dict.fromkeys(card.shares for card in shared):
        cards = [card for card in shared if card.shares == name]
        names = " and ".join(card.name for card in cards)
        if len({card.space for card in cards}) > 1:
            raise StartupError(
                f"{names} share the name {name!r} and not the space: they differ in more than name, "
                "modality, prompt and max_tokens; write the rest alike in their cards"
            )
        if len({card.modality for card in cards}) < len(cards):
            raise StartupError(
                f"of {names}, which share the space {name!r}, two encode the same modality, and a content "
                "enters a block by one of them; leave out `joint`, or name one of them by --spaces"
            )
        others = [card for card in cards if card.modality is not Modality.TEXT]
        if len(others) == len(cards):
            for card in cards:
                left_out[card.name] = (
                    f"no text encoder of the space {name!r} takes part, and texts are what binds it"
                )
                say(f"{card.name} is left out: {left_out[card.name]}")
        elif not others:
            say(f"{names} takes part alone: no other encoder of {name!r} does, so only texts enter its block")
            continue
        else:
            towers += others
    return tuple(towers)


def _class_names(card: EncoderCard, store: Store) -> tuple[str, ...]:
    options = card.options
    if not isinstance(options, ImageClassifier | AudioClassifier):
        raise StartupError(f"{card.name} runs as {card.runtime}, which has no classes")
    return read_class_names(store.open(card).path(options.class_names))
