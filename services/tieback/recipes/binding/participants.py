"""Which spaces a binding joins.

Text spaces with a block; encoders of other modalities that have texts for classes or for inputs; and encoders
that share a text space (towers).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.catalog.runtimes.audio_classifier import AudioClassifier
from tieback.catalog.runtimes.image_classifier import ImageClassifier
from tieback.core.errors import NotFound, StartupError
from tieback.models.encoder_model import read_class_names
from tieback.models.store import Store
from tieback.recipes.class_prototypes import class_prototypes
from tieback.training.class_texts import captions
from tieback.training.splits import Split, split


@dataclass(frozen=True, slots=True)
class BindingOptions:
    """`data` are folders of unpaired texts, photos and sounds, `anchors` a list of pairs.

    `spaces` are the cards that take part (all of the store's where empty); a text space that adds nothing is
    left out where it is not named there. `method` projects all pairs of spaces, and `imputation` fills the
    blocks of missing ones. `texts`, `photos`, `sounds` are the most that are used. The router of texts is
    trained for `steps`.
    """

    data: tuple[Path, ...] = ()
    anchors: Path | None = None
    seed: int = 0
    method: str | None = None
    imputation: str = "ridge"
    spaces: tuple[str, ...] = ()
    texts: int = 2000
    photos: int = 2000
    sounds: int = 2000
    steps: int = 300


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """An encoder with texts: row i of `vectors` `[n, width]` goes with the text `names[i]`.

    The rows of a classifier are its classes, as it holds them to look like (prototypes), each a thing. Where
    `paired`, they are the user's inputs with their texts, which do not name the modality; several may be of
    one thing and have its text: `things` `[n]` number these. `split` are rows. Of inputs, `others` are the
    vectors `[n, width]` of other encoders of the modality.
    """

    card: EncoderCard
    names: tuple[str, ...]
    vectors: Array
    things: Array
    split: Split
    paired: bool = False
    others: Mapping[str, Array] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The card's."""
        return self.card.name

    @property
    def modality(self) -> Modality:
        """The card's."""
        return self.card.modality

    @property
    def directions(self) -> Array:
        """The vectors `[n, width]` without what they share, of length 1."""
        centred = self.vectors - self.vectors.mean(axis=0)
        return np.asarray(
            centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12), np.float32
        )

    @property
    def rows(self) -> Array:
        """All of them."""
        return np.arange(len(self.names))

    @property
    def each(self) -> Split:
        """One row of each thing, for what is about texts; to choose by, of things that no fit has seen."""
        rows = self.split
        new = rows.validation[~np.isin(self.things[rows.validation], self.things[rows.training])]
        return Split(self.once(rows.training), self.once(new), self.once(rows.held_out))

    def once(self, rows: Array) -> Array:
        """The first of the rows of each thing."""
        return np.asarray(rows[np.sort(np.unique(self.things[rows], return_index=True)[1])])

    def captions(self) -> list[list[str]]:
        """By template, the caption of each thing; a text of the user's is as it is."""
        names = [self.names[row] for row in self.once(self.rows)]
        return [names] if self.paired else captions(names, self.modality)


@dataclass(frozen=True, slots=True, eq=False)
class Participants:
    """The spaces that are bound; in `left_out` the others, with the reasons.

    `towers` are encoders of other modalities into the space of one of the `texts`.
    """

    texts: tuple[EncoderCard, ...]
    labelled: tuple[Member, ...]
    left_out: dict[str, str] = field(default_factory=dict)
    towers: tuple[EncoderCard, ...] = ()

    @property
    def cards(self) -> tuple[EncoderCard, ...]:
        """Of every member."""
        return (*self.texts, *(one.card for one in self.labelled), *self.towers)

    @property
    def widths(self) -> dict[str, int]:
        """Of every member's vectors, by name."""
        return {card.name: card.width for card in self.cards}

    def towers_of(self, text: EncoderCard) -> tuple[EncoderCard, ...]:
        """The towers that share the text encoder's space."""
        return tuple(one for one in self.towers if one.space == text.space)

    def reading(self, modality: Modality) -> tuple[EncoderCard, ...]:
        """Every encoder of that modality, but for texts."""
        cards = (*(one.card for one in self.labelled), *self.towers)
        return tuple(card for card in cards if card.modality is modality)

    def of(self, modality: Modality) -> tuple[Member, ...]:
        """The members of that modality."""
        return tuple(one for one in self.labelled if one.modality is modality)


def participants(
    cards: Iterable[EncoderCard],
    store: Store,
    names: Sequence[str],
    say: Callable[[str], None],
    seed: int = 0,
) -> Participants:
    """The stored cards that take part, or those of `names` alone, without what pairs bind (pairs.py).

    NotFound for a name that no card has. StartupError where a named one is not in the store or no part of a
    joint space, or no text space or nothing to bind to it is left. A classifier without prototypes is left
    out, which `say` reports: it still enters by the names of its classes. So is a tower without the text
    encoder of its space. What is optional takes part where it is named.
    """
    known = {card.name: card for card in cards}
    for name in names:
        if name not in known:
            raise NotFound("space", name, known)
        if not store.is_ready(known[name]):
            raise StartupError(f"the model {name} is not in the store; run: tieback models pull {name}")
        if known[name].joint is None:
            raise StartupError(
                f"{name} is no part of a joint space: its card has no `joint`, which encoders with dense "
                "vectors may have; leave it out of --spaces"
            )
    by_joint: dict[str | None, list[EncoderCard]] = {}
    for card in taking_part(known.values(), store, names):
        by_joint.setdefault(card.joint, []).append(card)
    left_out: dict[str, str] = {}
    classifiers = []
    for card in by_joint.get("class_names", ()):
        try:
            classifiers.append(_classifier(card, store, seed))
        except StartupError as error:
            left_out[card.name] = error.message
            say(f"{card.name} is left out: {error.message}; it still enters by the names of its classes")
    components = by_joint.get("component", [])
    texts = tuple(card for card in components if card.modality is Modality.TEXT)
    towers = _towers([card for card in components if card.shares], left_out, say)
    if not texts or not (classifiers or towers or "pairs" in by_joint):
        missing = "text space with a block (joint: component)" if not texts else "classifier with prototypes"
        raise StartupError(
            f"there is nothing to bind: no {missing} is in the store at {store.root}; "
            "run: tieback models pull"
        )
    return Participants(texts, tuple(classifiers), left_out, towers)


def taking_part(cards: Iterable[EncoderCard], store: Store, names: Sequence[str]) -> list[EncoderCard]:
    """The stored cards of `names`; where there are no names, those that are not optional."""
    return [
        card
        for card in cards
        if store.is_ready(card) and (card.name in names if names else not card.optional)
    ]


def _classifier(card: EncoderCard, store: Store, seed: int) -> Member:
    """StartupError where the card has no classes, or its graph no prototypes of them."""
    options = card.options
    if not isinstance(options, ImageClassifier | AudioClassifier):
        raise StartupError(f"{card.name} runs as {card.runtime}, which has no classes")
    names = read_class_names(store.open(card).path(options.class_names))
    prototypes = class_prototypes(card, store, len(names))
    return Member(card, names, prototypes, np.arange(len(names)), split(len(names), seed))


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
        if not others:
            say(f"{names} takes part alone: no other encoder of {name!r} does, so only texts enter its block")
        elif len(others) < len(cards):
            towers += others
        else:
            fault = f"no text encoder of the space {name!r} takes part, and texts are what binds it"
            left_out |= {card.name: fault for card in cards}
            for card in cards:
                say(f"{card.name} is left out: {fault}")
    return tuple(towers)
