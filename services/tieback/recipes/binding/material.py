"""What a binding learns from, as vectors: class names, sentences, photos, sounds, the user's pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput
from tieback.core.types.arrays import Array
from tieback.core.types.content import Modality
from tieback.methods.projection import unit_rows
from tieback.recipes.binding import language
from tieback.recipes.binding.anchors import Pair
from tieback.recipes.binding.corpus import Corpus
from tieback.recipes.binding.encoding import Encoded, encode, encode_texts
from tieback.recipes.binding.members import Encoders, Members
from tieback.recipes.binding.terms import Terms, encode_terms, gather_terms
from tieback.training.step_cache import StepCache

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """Photos or sounds that an encoder could read: `dense` `[n, width]`, with their likeliest classes."""

    files: tuple[Path, ...]
    dense: Array
    classes: Array
    shares: Array


@dataclass(frozen=True, slots=True, eq=False)
class UserPairs:
    """The user's anchors, one row a pair: of the text by text space, of the other side by its space.

    `others` of a classifier has rows for the pairs of its modality alone, whose places `rows` holds; `same`
    are the other texts of pairs of texts, by text space.
    """

    pairs: tuple[Pair, ...]
    texts: dict[str, Array]
    others: dict[str, Array]
    same: dict[str, Array]

    def rows(self, modality: Modality) -> Array:
        """Places of the pairs with that modality."""
        return np.array([n for n, pair in enumerate(self.pairs) if pair.modality is modality], np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Scenes:
    """Sentences about classes: the class of each `[sentences]`, and by text space their vectors."""

    classes: Array
    texts: dict[str, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """`names` by classifier and text space `[templates, classes, width]`, `sentences` by text space.

    `scenes`, by classifier, and `neutral`, by text space, are the sentences written for binding (`language`);
    `terms` are what sparse spaces say of names and sentences.
    """

    members: Members
    corpus: Corpus
    names: dict[str, dict[str, Array]]
    sentences: dict[str, Array]
    inputs: dict[str, Inputs]
    user: UserPairs
    terms: tuple[Terms, ...] = ()
    scenes: dict[str, Scenes] = field(default_factory=dict)
    neutral: dict[str, Array] = field(default_factory=dict)

    def captions(self, classifier: str, template: int, classes: Array) -> dict[str, Array]:
        """What every text space says of the classes by a template; a sparse one's are `[classes, terms]`.

        Where there are fewer templates it is the last: what the user calls a thing is said one way.
        """
        rows = self.names[classifier] | {one.card.name: one.names[classifier] for one in self.terms}
        return {text: said[min(template, len(said) - 1)][classes] for text, said in rows.items()}

    def real(self, card: EncoderCard) -> Array:
        """What that encoder says of photos or sounds `[n, width]`: the unpaired ones and the user's."""
        pairs = self.user.others.get(card.name, np.zeros((0, card.width), np.float32))
        return np.concatenate([self.inputs[card.name].dense, pairs])

    def class_texts(self, classifier: str, text: str) -> Array:
        """One vector `[classes, width]` per class, of length 1.

        It is the mean over the templates; where there are scenes of the class, these count as much.
        """
        mean = unit_rows(self.names[classifier][text].mean(axis=0))
        if (scenes := self.scenes.get(classifier)) is not None:
            sums = np.zeros_like(mean)
            np.add.at(sums, scenes.classes, scenes.texts[text])
            mean = unit_rows(mean + unit_rows(sums))
        return np.asarray(mean, np.float32)


class Gatherer:
    """Encodes what a binding learns from, each part a step that is kept."""

    def __init__(self, members: Members, encoders: Encoders, steps: StepCache, say: Say) -> None:
        self._members, self._encoders, self._steps, self._say = members, encoders, steps, say

    def gather(self, corpus: Corpus, pairs: Sequence[Pair], anchors_name: str) -> Material:
        """All of it. InvalidInput, with the line, where one of the user's anchors cannot be encoded."""
        names: dict[str, dict[str, Array]] = {}
        for classifier in self._members.classifiers:
            said = classifier.captions()
            flat = [caption for one in said for caption in one]
            names[classifier.card.name] = {
                card.name: self._texts(f"class names of {classifier.card.name}", card, flat).reshape(
                    len(said), len(said[0]), card.width
                )[:, classifier.groups()]
                for card in self._members.texts
            }
        sentences = {card.name: self._texts("sentences", card, corpus.texts) for card in self._members.texts}
        inputs = {one.card.name: self._inputs(one.card, corpus) for one in self._members.classifiers}
        inputs |= {card.name: self._inputs(card, corpus) for card in self._members.towers}
        user = self._user(pairs, anchors_name)
        terms = tuple(self._terms(card, corpus, pairs) for card in self._members.sparse)
        named = [one for one in self._members.classifiers if one.told and one.named]
        about = language.neutral([name for one in named for name in one.names])
        neutral = {card.name: self._texts("neutral sentences", card, about) for card in self._members.texts}
        return Material(self._members, corpus, names, sentences, inputs, user, terms, self._scenes(), neutral)

    def _scenes(self) -> dict[str, Scenes]:
        found = {}
        for one in self._members.of(Modality.IMAGE):
            if said := language.scenes(one.names) if one.named else []:
                texts = [text for _, text in said]
                vectors = {
                    card.name: self._texts(f"scenes of {one.card.name}", card, texts)
                    for card in self._members.texts
                }
                found[one.card.name] = Scenes(np.array([place for place, _ in said]), vectors)
        return found

    def words(self, terms: Terms) -> dict[str, Array]:
        """The kept terms `[terms, width]` as every text space has them."""
        return {card.name: self._texts("terms", card, terms.words) for card in self._members.texts}

    def _terms(self, card: EncoderCard, corpus: Corpus, pairs: Sequence[Pair]) -> Terms:
        asked = {"sentences": list(corpus.texts), "texts": [pair.text for pair in pairs]}
        asked["same"] = [str(pair.other) for pair in pairs if pair.modality is Modality.TEXT]
        for one in self._members.classifiers:
            asked[f"names of {one.card.name}"] = [caption for many in one.captions() for caption in many]
        encoded = {what: self._sparse(what, card, texts) for what, texts in asked.items()}
        groups = {one.card.name: one.groups() for one in self._members.classifiers}
        return gather_terms(card, lambda: self._encoders[card], encoded, groups)

    def _sparse(self, what: str, card: EncoderCard, texts: Sequence[str]) -> dict[str, Array]:
        step = f"{what} in {card.name}"

        def make() -> dict[str, Array]:
            self._say(f"encoding {len(texts)} {step}")
            return encode_terms(self._encoders[card], texts)

        inputs, beside = {"space": _space(card), "texts": list(texts)}, (self._encoders.model_of(card),)
        return self._steps.arrays(step, encode_terms, inputs, make, beside=beside)

    def _texts(self, what: str, card: EncoderCard, texts: Sequence[str]) -> Array:
        step = f"{what} in {card.name}"

        def make() -> dict[str, Array]:
            self._say(f"encoding {len(texts)} {step}")
            return {"dense": encode_texts(self._encoders[card], texts)}

        inputs, beside = {"space": _space(card), "texts": list(texts)}, (self._encoders.model_of(card),)
        return self._steps.arrays(step, encode_texts, inputs, make, beside=beside)["dense"]

    def files(self, what: str, card: EncoderCard, files: Sequence[Path]) -> tuple[Encoded, dict[int, str]]:
        """The files as that encoder reads them, and what is wrong with those that it cannot read."""
        step, faults = f"{what} in {card.name}", dict[int, str]()

        def make() -> dict[str, Array]:
            self._say(f"encoding {len(files)} {step}")
            found = encode(self._encoders[card], files)
            faults.update(found.faults)
            return {"dense": found.dense, "classes": found.classes, "shares": found.shares}

        inputs = {"space": _space(card), "files": [file_digest(path) for path in files]}
        arrays = self._steps.arrays(step, encode, inputs, make, beside=(self._encoders.model_of(card),))
        return Encoded(arrays["dense"], arrays["classes"], arrays["shares"], faults), faults

    def _inputs(self, card: EncoderCard, corpus: Corpus) -> Inputs:
        unpaired = {Modality.IMAGE: ("photos", corpus.photos), Modality.AUDIO: ("sounds", corpus.sounds)}
        what, files = unpaired.get(card.modality, ("", ()))
        if not files:
            dense = np.zeros((0, card.width), np.float32)
            return Inputs((), dense, np.zeros((0, 1), np.int64), np.zeros((0, 1)))
        found, faults = self.files(what, card, files)
        for place, fault in faults.items():
            self._say(f"{files[place].name} is passed over: {fault}")
        kept = np.flatnonzero(found.dense.any(axis=1))
        return Inputs(
            tuple(files[place] for place in kept), found.dense[kept], found.classes[kept], found.shares[kept]
        )

    def _user(self, pairs: Sequence[Pair], anchors_name: str) -> UserPairs:
        texts, others, same = dict[str, Array](), dict[str, Array](), dict[str, Array]()
        for pair in pairs:
            if pair.modality is not Modality.TEXT and not self._members.reading(pair.modality):
                left_out = "".join(f"; {name}: {why}" for name, why in self._members.left_out.items())
                raise unread(anchors_name, pair, f"no space that is bound reads {pair.modality}{left_out}")
        twins = [pair for pair in pairs if pair.modality is Modality.TEXT]
        for card in self._members.texts if pairs else ():
            texts[card.name] = self._texts("anchors", card, [pair.text for pair in pairs])
            if twins:
                same[card.name] = self._texts(
                    "anchors' other texts", card, [str(pair.other) for pair in twins]
                )
        if texts:
            silent = np.all([~rows.any(axis=1) for rows in texts.values()], axis=0)
            for place in np.flatnonzero(silent):
                raise unread(anchors_name, pairs[int(place)], "no space knows a word of the text")
        readers = [one for kind in Modality for one in self._members.reading(kind)]
        for card in readers if pairs else ():
            own = [pair for pair in pairs if pair.modality is card.modality]
            if own:
                files = [Path(pair.other) for pair in own]
                found, faults = self.files("anchors", card, files)
                for place in np.flatnonzero(~found.dense.any(axis=1)):
                    raise unread(anchors_name, own[place], faults.get(int(place), "it cannot be read"))
                others[card.name] = found.dense
        return UserPairs(tuple(pairs), texts, others, same)


def unread(name: str, pair: Pair, fault: str) -> InvalidInput:
    """That line of the anchors is wrong."""
    return InvalidInput(f"{name}, line {pair.line}: {fault}", field="anchors")


def _space(card: EncoderCard) -> str:
    return f"{card.space} {card.space.fingerprint}"
