"""Encoders without classes: the user's pairs of an input and a text take the place of classes with names.

A row is an input with its text. Rows of one thing have one text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.methods.projection import LEAST_ANCHORS, projections
from tieback.recipes.binding.participants import BindingOptions, Member, Participants
from tieback.recipes.train.encoders import Encoders, encode_others
from tieback.training.data.user_pairs import Pair, split_pairs

INPUTS = {Modality.IMAGE: "a picture", Modality.AUDIO: "a sound", Modality.POINTS: "a point cloud"}

FEWEST = 8
"""So many pairs show where an encoder's features lie; fewer do not, whatever the method needs."""


def with_pairs(
    participants: Participants,
    cards: Sequence[EncoderCard],
    pairs: Sequence[Pair],
    encoders: Encoders,
    options: BindingOptions,
    say: Callable[[str], None],
) -> Participants:
    """The members with these encoders. One that has too few pairs is left out, which `say` reports.

    InvalidInput where it is named by the options, or one of its pairs cannot be read; StartupError where
    nothing is left that could be bound.
    """
    left_out = dict(participants.left_out)
    joined: list[Member] = []
    for card in cards:
        own = [pair for pair in pairs if pair.modality is card.modality]
        needed = _needed(card, participants, options)
        if len(own) < needed:
            message = (
                f"it is bound by pairs of a text and {INPUTS[card.modality]}, and there are {len(own)}; "
                f"{options.method or 'binding it'} needs {needed}: give them by --anchors"
            )
            if card.name in options.spaces:
                raise InvalidInput(f"{card.name} cannot be bound: {message}", field="anchors")
            left_out[card.name] = message
            say(f"{card.name} is left out: {message}")
        else:
            joined.append(_of_pairs(card, own, encoders, options.seed))
    found = replace(participants, labelled=(*participants.labelled, *joined), left_out=left_out)
    if not (found.labelled or found.towers):
        raise StartupError("there is nothing to bind to the text spaces: " + "; ".join(left_out.values()))
    complete = [_beside(one, found, pairs, encoders) for one in joined]
    return replace(found, labelled=(*participants.labelled, *complete))


def _needed(card: EncoderCard, participants: Participants, options: BindingOptions) -> int:
    """The fewest pairs that leave enough to fit with when some are held out."""
    least = 2
    if options.method is not None:
        fewest = projections.form(LEAST_ANCHORS, options.method)
        for text in participants.texts:
            least = max(least, fewest(card.width, text.width), fewest(text.width, card.width))
    count = max(FEWEST, least)
    while len(split_pairs(count, options.seed).training) < least:
        count += 1
    return count


def _of_pairs(card: EncoderCard, own: Sequence[Pair], encoders: Encoders, seed: int) -> Member:
    """By the user's pairs. InvalidInput, with the line, where one cannot be read or is there twice."""
    features = encode_others(own, card, encoders)
    texts = list(dict.fromkeys(pair.text for pair in own))
    things = np.array([texts.index(pair.text) for pair in own])
    known: dict[tuple[int, bytes], Pair] = {}
    for thing, row, pair in zip(things, features, own, strict=True):
        same = known.setdefault((int(thing), row.tobytes()), pair)
        if same is not pair:
            raise pair.wrong(f"this says the same as {same.place.rpartition(', ')[2]}; give each once")
    names = tuple(pair.text for pair in own)
    return Member(card, names, features, things, split_pairs(len(own), seed), paired=True)


def _beside(one: Member, participants: Participants, pairs: Sequence[Pair], encoders: Encoders) -> Member:
    """The member with the vectors that the others of its modality have of the user's inputs."""
    files = [Path(pair.other) for pair in pairs if pair.modality is one.modality]
    others = [other.card for other in participants.of(one.modality) if other is not one]
    return replace(one, others={card.name: encoders.files("anchors", card, files).dense for card in others})
