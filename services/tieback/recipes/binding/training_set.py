"""What a binding learns from, as vectors: class names, sentences, photos, sounds, the user's pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.catalog.card import EncoderCard
from tieback.joint.projecting import Dense, rows_of
from tieback.methods.projection import unit_rows
from tieback.recipes.binding.participants import Member, Participants
from tieback.recipes.fitting.routers import NEITHER
from tieback.recipes.train.encoders import Encoders, UserPairs, encode_pairs
from tieback.recipes.train.encoding import EncodedInputs
from tieback.training import class_texts
from tieback.training.data.corpus import Corpus
from tieback.training.data.user_pairs import Pair
from tieback.training.splits import HELD_OUT, Split, split_off

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Scenes:
    """Sentences about classes: the class of each `[sentences]`, and by text space their vectors."""

    classes: Array
    texts: dict[str, Array]

    def about(self, classes: Array, *, others: bool = False) -> Array:
        """Places of the sentences about these classes; with `others`, about all the rest."""
        return np.flatnonzero(np.isin(self.classes, classes) != others)


CAPTIONED = (Modality.IMAGE, Modality.AUDIO, Modality.POINTS)
FEWEST_TO_CHOOSE_BY = 20
"""With fewer sentences, none is kept apart to choose by."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptionsByModality:
    """Dense vectors by text space, of texts that describe "image", "audio", "points", or none: "text"."""

    training: dict[str, Dense]
    held_out: dict[str, Dense]


def captions_by_modality(training_set: TrainingSet) -> CaptionsByModality:
    """Captions of all rows, held-out ones apart; a tenth of the sentences apart too."""
    found = CaptionsByModality({}, {})
    for modality in CAPTIONED:
        participants = [one for one in training_set.participants.of(modality) if not one.paired]
        for into, inside in ((found.training, False), (found.held_out, True)):
            parts = [_captions(training_set, one, inside) for one in participants]
            parts += [
                rows_of(scenes.texts, scenes.about(one.split.held_out, others=not inside))
                for one in participants
                if (scenes := training_set.scenes.get(one.name)) is not None
            ]
            if parts and len(next(iter(parts[0].values()))):
                into[modality.value] = {
                    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
                }
    read = sentences(len(training_set.corpus.texts), training_set.seed)
    written = sentences(len(next(iter(training_set.neutral.values()), ())), training_set.seed)
    for into, chosen, others in (
        (found.training, _fitted(read), _fitted(written)),
        (found.held_out, read.held_out, written.held_out),
    ):
        if len(chosen):
            into[NEITHER] = {
                name: np.concatenate([rows[chosen], training_set.neutral[name][others]])
                for name, rows in training_set.sentences.items()
            }
    return found


def sentences(count: int, seed: int) -> Split:
    """Places of sentences: a tenth to report on, and where there are enough, as many to choose by."""
    apart = max(1, round(HELD_OUT * count)) if count > 1 else 0
    chosen_by = apart if count >= FEWEST_TO_CHOOSE_BY else 0
    return split_off(count, apart, chosen_by, seed)


def _fitted(places: Split) -> Array:
    return np.sort(np.concatenate([places.training, places.validation]))


def _captions(training_set: TrainingSet, member: Member, inside: bool) -> dict[str, Array]:
    """Of rows held out, or of the others, without the bare names, which name no modality."""
    rows = np.flatnonzero(np.isin(member.rows, member.split.held_out) == inside)
    return {
        text: vectors[1:, rows].reshape(-1, vectors.shape[2])
        for text, vectors in training_set.names[member.name].items()
    }


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """`names` by member and text space `[templates, rows, width]`, `sentences` by text space.

    `inputs`, by encoder, are the photos or sounds that it could read. `scenes`, by member, and `neutral`, by
    text space, are the sentences of `training/class_texts`. What is drawn is drawn by the `seed`.
    """

    participants: Participants
    corpus: Corpus
    names: dict[str, dict[str, Array]]
    sentences: dict[str, Array]
    inputs: dict[str, EncodedInputs]
    user: UserPairs
    scenes: dict[str, Scenes]
    neutral: dict[str, Array]
    seed: int

    def captions(self, member: str, template: int, rows: Array) -> dict[str, Array]:
        """By text space, the captions of the rows by a template.

        Where there are fewer templates it is the last: a text of the user's is the only one.
        """
        return {
            text: vectors[min(template, len(vectors) - 1)][rows]
            for text, vectors in self.names[member].items()
        }

    def real(self, card: EncoderCard) -> Array:
        """The encoder's vectors of photos or sounds `[n, width]`: the unpaired ones and the user's."""
        pairs = self.user.others.get(card.name, np.zeros((0, card.width), np.float32))
        return np.concatenate([self.inputs[card.name].dense, pairs])

    def class_texts(self, member: str, text: str) -> Array:
        """One vector `[rows, width]` per row, of length 1.

        It is the mean over the templates; where there are scenes of the class, these count as much.
        """
        mean = unit_rows(self.names[member][text].mean(axis=0))
        if (scenes := self.scenes.get(member)) is not None:
            sums = np.zeros_like(mean)
            np.add.at(sums, scenes.classes, scenes.texts[text])
            mean = unit_rows(mean + unit_rows(sums))
        return np.asarray(mean, np.float32)

    def templates(self, rows: Mapping[str, Array], text: str) -> list[Array]:
        """By every member, the captions of its rows `[templates · rows, width]` in a text space."""
        encoded = [self.names[member][text][:, chosen] for member, chosen in rows.items()]
        return [vectors.reshape(-1, vectors.shape[2]) for vectors in encoded]

    def written(self, rows: Mapping[str, Array], sentences: Array) -> dict[str, Array]:
        """By text space, every template of rows, by member, and then these sentences."""
        return {
            text: np.concatenate([*self.templates(rows, text), vectors[sentences]])
            for text, vectors in self.sentences.items()
        }


def collect(
    participants: Participants, corpus: Corpus, pairs: Sequence[Pair], encoders: Encoders, seed: int, say: Say
) -> TrainingSet:
    """Encodes all of it. InvalidInput, with the line, where one of the user's anchors cannot be encoded."""

    def encoded(what: str, texts: Sequence[str]) -> dict[str, Array]:
        return {card.name: encoders.texts(what, card, texts) for card in participants.texts}

    names = {}
    for one in participants.labelled:
        captions = [caption for by_template in one.captions() for caption in by_template]
        names[one.name] = {
            text: rows.reshape(-1, int(one.things.max()) + 1, rows.shape[1])[:, one.things]
            for text, rows in encoded(f"class names of {one.name}", captions).items()
        }
    sentences = encoded("sentences", corpus.texts)
    readers = (*(one.card for one in participants.labelled), *participants.towers)
    inputs = {card.name: _inputs(card, corpus, encoders, say) for card in readers}
    for pair in pairs:
        if pair.modality is not Modality.TEXT and not participants.reading(pair.modality):
            left_out = "".join(f"; {name}: {why}" for name, why in participants.left_out.items())
            raise pair.wrong(f"no space that is bound reads {pair.modality}{left_out}")
    user = encode_pairs(pairs, participants.texts, participants.reading, encoders, seed)
    classes = [one for one in participants.labelled if not one.paired]
    about = class_texts.neutral([name for one in classes for name in one.names])
    neutral = encoded("neutral sentences", about)
    scenes = {}
    for one in classes:
        if one.modality is Modality.IMAGE and (written := class_texts.scenes(one.names)):
            vectors = encoded(f"scenes of {one.name}", [text for _, text in written])
            scenes[one.name] = Scenes(np.array([place for place, _ in written]), vectors)
    return TrainingSet(participants, corpus, names, sentences, inputs, user, scenes, neutral, seed)


def _inputs(card: EncoderCard, corpus: Corpus, encoders: Encoders, say: Say) -> EncodedInputs:
    unpaired = {Modality.IMAGE: ("photos", corpus.photos), Modality.AUDIO: ("sounds", corpus.sounds)}
    what, files = unpaired.get(card.modality, ("", ()))
    if not files:
        return EncodedInputs(np.zeros((0, card.width), np.float32))
    found = encoders.files(what, card, files)
    for place, fault in found.faults.items():
        say(f"{files[place].name} is passed over: {fault}")
    return found.at(np.flatnonzero(found.dense.any(axis=1)))
