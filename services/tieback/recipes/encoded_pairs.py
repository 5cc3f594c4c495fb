"""The user's pairs as vectors: of the texts by text space, of the other sides by their spaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.recipes.encoders import Encoders
from tieback.training.user_pairs import Pair, split_pairs


@dataclass(frozen=True, slots=True, eq=False)
class UserPairs:
    """The user's anchors, one row a pair: of the text by text space, of the other side by its space.

    `others` of an encoder has rows for the pairs of its modality alone, whose places `rows` gives; `same` are
    the other texts of pairs of texts, by text space.
    """

    pairs: tuple[Pair, ...]
    texts: dict[str, Array]
    others: dict[str, Array]
    same: dict[str, Array]
    seed: int

    def rows(self, modality: Modality) -> Array:
        """Places of the pairs with that modality."""
        return np.array([n for n, pair in enumerate(self.pairs) if pair.modality is modality], np.int64)

    def held_out(self, modality: Modality) -> Array:
        """Of the pairs with that modality, those to measure on."""
        return split_pairs(len(self.rows(modality)), self.seed).held_out

    def fitted(self, modality: Modality, *, everything: bool) -> Array:
        """Of the pairs with that modality, those to fit with; `everything` has those to measure on, too."""
        count = len(self.rows(modality))
        return np.arange(count) if everything else np.setdiff1d(np.arange(count), self.held_out(modality))


def encode_pairs(
    pairs: Sequence[Pair],
    text_encoders: Sequence[EncoderCard],
    others_of: Callable[[Modality], Sequence[EncoderCard]],
    encoders: Encoders,
    seed: int,
) -> UserPairs:
    """By the encoders of texts, and for the other side by the others of its modality.

    InvalidInput, with the line, where one of the pairs cannot be encoded.
    """
    texts, others, same = dict[str, Array](), dict[str, Array](), dict[str, Array]()
    twins = [str(pair.other) for pair in pairs if pair.modality is Modality.TEXT]
    for card in text_encoders if pairs else ():
        texts[card.name] = encoders.texts("anchors", card, [pair.text for pair in pairs])
        if twins:
            same[card.name] = encoders.texts("anchors' other texts", card, twins)
    if texts:
        unknown = np.all([~rows.any(axis=1) for rows in texts.values()], axis=0)
        for place in np.flatnonzero(unknown):
            raise pairs[int(place)].wrong("no space knows a word of the text")
    for modality in Modality:
        own = [pair for pair in pairs if pair.modality is modality]
        for card in others_of(modality) if own else ():
            others[card.name] = encode_others(own, card, encoders)
    return UserPairs(tuple(pairs), texts, others, same, seed)


def encode_others(pairs: Sequence[Pair], card: EncoderCard, encoders: Encoders) -> Array:
    """The encoder's vectors of the files of pairs `[pairs, width]`.

    InvalidInput names the line of one that it cannot read.
    """
    found = encoders.files("anchors", card, [Path(pair.other) for pair in pairs])
    for place in np.flatnonzero(~found.dense.any(axis=1)):
        raise pairs[int(place)].wrong(found.faults.get(int(place), "it cannot be read"))
    return found.dense
