"""What a binding learns from, as vectors: class names, sentences, photos, sounds, the user's pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tieback.catalog.card import EncoderCard
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import unit_rows
from tieback.recipes.binding import language
from tieback.recipes.binding.participants import Participants
from tieback.recipes.encoders import Encoders
from tieback.recipes.encoding import EncodedInputs
from tieback.recipes.fitting.terms import Terms, collect_terms
from tieback.training.corpus import Corpus
from tieback.training.user_pairs import Pair, split_pairs

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Photos or sounds that an encoder could read, and what it says of them."""

    files: tuple[Path, ...]
    said: EncodedInputs

    @property
    def dense(self) -> Array:
        """The vectors `[n, width]`."""
        return self.said.dense


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


@dataclass(frozen=True, slots=True, eq=False)
class Scenes:
    """Sentences about classes: the class of each `[sentences]`, and by text space their vectors."""

    classes: Array
    texts: dict[str, Array]

    def about(self, classes: Array, *, others: bool = False) -> Array:
        """Places of the sentences about these classes; with `others`, about all the rest."""
        return np.flatnonzero(np.isin(self.classes, classes) != others)


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """`names` by member and text space `[templates, rows, width]`, `sentences` by text space.

    `scenes`, by member, and `neutral`, by text space, are the sentences written for binding (`language`);
    `terms` are what sparse spaces say of names and sentences. What is drawn is drawn by the `seed`.
    """

    participants: Participants
    corpus: Corpus
    names: dict[str, dict[str, Array]]
    sentences: dict[str, Array]
    inputs: dict[str, Inputs]
    user: UserPairs
    terms: tuple[Terms, ...]
    scenes: dict[str, Scenes]
    neutral: dict[str, Array]
    seed: int

    def captions(self, member: str, template: int, rows: Array) -> dict[str, Array]:
        """What every text space says of the rows by a template; a sparse one's are `[rows, terms]`.

        Where there are fewer templates it is the last: what the user calls a thing is said one way.
        """
        said = self.names[member] | {one.card.name: one.names[member] for one in self.terms}
        return {text: one[min(template, len(one) - 1)][rows] for text, one in said.items()}

    def real(self, card: EncoderCard) -> Array:
        """What that encoder says of photos or sounds `[n, width]`: the unpaired ones and the user's."""
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
        """By every member, each template of its rows `[templates · rows, width]` as a text space says it."""
        encoded = [self.names[member][text][:, chosen] for member, chosen in rows.items()]
        return [said.reshape(-1, said.shape[2]) for said in encoded]

    def written(self, rows: Mapping[str, Array], sentences: Array) -> dict[str, Array]:
        """By text space, every template of rows, by member, and then these sentences."""
        return {
            text: np.concatenate([*self.templates(rows, text), said[sentences]])
            for text, said in self.sentences.items()
        }


def collect(
    participants: Participants, corpus: Corpus, pairs: Sequence[Pair], encoders: Encoders, seed: int, say: Say
) -> TrainingSet:
    """Encodes all of it. InvalidInput, with the line, where one of the user's anchors cannot be encoded."""

    def texts(what: str, said: Sequence[str]) -> dict[str, Array]:
        return {card.name: encoders.texts(what, card, said) for card in participants.texts}

    things = {one.name: one.things for one in participants.labelled}
    captions = {one.name: [said for many in one.captions() for said in many] for one in participants.labelled}
    names = {
        name: {
            text: rows.reshape(-1, int(things[name].max()) + 1, rows.shape[1])[:, things[name]]
            for text, rows in texts(f"class names of {name}", said).items()
        }
        for name, said in captions.items()
    }
    sentences = texts("sentences", corpus.texts)
    readers = (*(one.card for one in participants.labelled), *participants.towers)
    inputs = {card.name: _inputs(card, corpus, encoders, say) for card in readers}
    user = _user(participants, pairs, encoders, seed)
    asked: dict[str, Sequence[str]] = {"sentences": corpus.texts, "same": _twins(pairs)}
    asked |= {"texts": [pair.text for pair in pairs]}
    asked |= {f"names of {name}": said for name, said in captions.items()}
    terms = tuple(collect_terms(card, encoders, asked, things) for card in participants.sparse)
    classes = [one for one in participants.labelled if not one.paired]
    about = language.neutral([name for one in classes for name in one.names])
    neutral = texts("neutral sentences", about)
    scenes = {}
    for one in classes:
        if one.modality is Modality.IMAGE and (said := language.scenes(one.names)):
            vectors = texts(f"scenes of {one.name}", [text for _, text in said])
            scenes[one.name] = Scenes(np.array([place for place, _ in said]), vectors)
    return TrainingSet(participants, corpus, names, sentences, inputs, user, terms, scenes, neutral, seed)


def _twins(pairs: Sequence[Pair]) -> list[str]:
    """The other texts of pairs of texts."""
    return [str(pair.other) for pair in pairs if pair.modality is Modality.TEXT]


def _inputs(card: EncoderCard, corpus: Corpus, encoders: Encoders, say: Say) -> Inputs:
    unpaired = {Modality.IMAGE: ("photos", corpus.photos), Modality.AUDIO: ("sounds", corpus.sounds)}
    what, files = unpaired.get(card.modality, ("", ()))
    if not files:
        none = np.zeros((0, 1))
        return Inputs((), EncodedInputs(np.zeros((0, card.width), np.float32), none.astype(np.int64), none))
    found = encoders.files(what, card, files)
    for place, fault in found.faults.items():
        say(f"{files[place].name} is passed over: {fault}")
    kept = np.flatnonzero(found.dense.any(axis=1))
    return Inputs(tuple(files[place] for place in kept), found.at(kept))


def _user(participants: Participants, pairs: Sequence[Pair], encoders: Encoders, seed: int) -> UserPairs:
    for pair in pairs:
        if pair.modality is not Modality.TEXT and not participants.reading(pair.modality):
            left_out = "".join(f"; {name}: {why}" for name, why in participants.left_out.items())
            raise pair.wrong(f"no space that is bound reads {pair.modality}{left_out}")
    texts, others, same = dict[str, Array](), dict[str, Array](), dict[str, Array]()
    twins = _twins(pairs)
    for card in participants.texts if pairs else ():
        texts[card.name] = encoders.texts("anchors", card, [pair.text for pair in pairs])
        if twins:
            same[card.name] = encoders.texts("anchors' other texts", card, twins)
    if texts:
        missing = np.all([~rows.any(axis=1) for rows in texts.values()], axis=0)
        for place in np.flatnonzero(missing):
            raise pairs[int(place)].wrong("no space knows a word of the text")
    for modality in Modality:
        own = [pair for pair in pairs if pair.modality is modality]
        for card in participants.reading(modality) if own else ():
            others[card.name] = read_others(own, card, encoders)
    return UserPairs(tuple(pairs), texts, others, same, seed)


def read_others(pairs: Sequence[Pair], card: EncoderCard, encoders: Encoders) -> Array:
    """What the encoder says of the files of pairs `[pairs, width]`.

    InvalidInput names the line of one that it cannot read.
    """
    found = encoders.files("anchors", card, [Path(pair.other) for pair in pairs])
    for place in np.flatnonzero(~found.dense.any(axis=1)):
        raise pairs[int(place)].wrong(found.faults.get(int(place), "it cannot be read"))
    return found.dense
