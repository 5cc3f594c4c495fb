"""Encoders without classes: what they are shown, each with a text, takes the place of classes with names.

A row is an input with its text. Point clouds have rows of their own, solids that are made (`solids`), several
of each thing; whatever else the user has pairs for. Rows of one thing have one text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.arrays import Array
from tieback.core.types.content import Content, Modality
from tieback.methods.projection import LEAST_ANCHORS, projections
from tieback.models.store import Store
from tieback.recipes.binding.anchors import Pair, captions, split_pairs
from tieback.recipes.binding.encoding import encode, read_points
from tieback.recipes.binding.material import Gatherer, unread
from tieback.recipes.binding.members import Classifier, Encoders, Members, takes_part
from tieback.recipes.binding.solids import SOLIDS, cloud
from tieback.recipes.binding.views import VIEWS, views
from tieback.training.digests import digest
from tieback.training.splits import Split
from tieback.training.step_cache import StepCache

COPIES = 8
"""So many of each solid; of those that are fitted with, one is for choosing and one for the report."""
HELD_OUT, VALIDATION = 8, 6
"""So many of the solids are whole left out of every fit, to report on and to choose by."""

INPUTS = {Modality.IMAGE: "a picture", Modality.AUDIO: "a sound", Modality.POINTS: "a point cloud"}

FEWEST = 8
"""So many pairs say where an encoder's features lie; fewer do not, whatever the method needs."""


@dataclass(frozen=True, slots=True, eq=False)
class Paired(Classifier):
    """An encoder with what it was shown: row i of `features` `[n, width]` goes with the text `names[i]`.

    `things` `[n]` number the texts. `split` are rows, its held-out ones of things that no fit has seen where
    that can be; `apart` are held-out rows of things that fits have seen in other rows. `views` hold, by image
    encoder, the vectors `[n, VIEWS, width]` of pictures of the rows, and `user_views` of the user's pairs;
    `others` what other encoders of the modality say of the same inputs. `shipped` rows are not the user's.
    """

    features: Array
    things: Array
    split: Split
    apart: Array
    views: Mapping[str, Array]
    user_views: Mapping[str, Array]
    others: Mapping[str, Array]
    shipped: bool

    @property
    def named(self) -> bool:
        """No: nothing in the encoder has a name."""
        return False

    @property
    def told(self) -> bool:
        """Whether its captions say of what modality they speak."""
        return self.shipped

    def captions(self) -> list[list[str]]:
        """By template, what each thing is called; a text of the user's is as it is."""
        first = np.sort(np.unique(self.things, return_index=True)[1])
        names = [self.names[row] for row in first]
        return captions(names, self.card.modality) if self.shipped else [names]

    def groups(self) -> Array:
        """The thing of each row."""
        return self.things

    def once(self, rows: Array) -> Array:
        """The first of the rows of each thing."""
        return np.asarray(rows[np.sort(np.unique(self.things[rows], return_index=True)[1])])

    def beside(self) -> Mapping[str, Array]:
        """What other encoders say of each row's input."""
        return self.others


def _split_solids(seed: int) -> tuple[Split, Array]:
    """Rows of the solids, and those apart: of a thing that is fitted with, one chooses and one is apart."""
    order = np.random.default_rng(seed).permutation(len(SOLIDS))
    held_out, validation = order[:HELD_OUT], order[HELD_OUT : HELD_OUT + VALIDATION]
    fitted = np.sort(order[HELD_OUT + VALIDATION :])

    def rows(things: Array, copies: Sequence[int]) -> Array:
        return np.asarray(np.sort((things[:, None] * COPIES + np.array(copies)).ravel()))

    chosen_by = np.sort(np.concatenate([rows(validation, [0]), rows(fitted, [COPIES - 2])]))
    split = Split(rows(fitted, range(COPIES - 2)), chosen_by, rows(held_out, range(COPIES)))
    return split, rows(fitted, [COPIES - 1])


def paired_cards(cards: Iterable[EncoderCard], store: Store, names: Sequence[str]) -> list[EncoderCard]:
    """The stored cards that pairs bind and that take part."""
    return [
        card for card in cards if card.joint == "pairs" and store.is_ready(card) and takes_part(card, names)
    ]


class Pairing:
    """Makes members of encoders without classes."""

    def __init__(
        self, gatherer: Gatherer, encoders: Encoders, steps: StepCache, seed: int, method: str | None,
        say: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._gatherer, self._encoders, self._steps = gatherer, encoders, steps
        self._seed, self._method, self._say = seed, method, say

    def join(
        self, members: Members, cards: Sequence[EncoderCard], required: Sequence[str], pairs: Sequence[Pair],
        anchors_name: str,
    ) -> Members:  # fmt: skip
        """The members with these. One that has too few pairs is left out, and said so.

        InvalidInput where it is `required`, or one of its pairs cannot be read; StartupError where nothing is
        left that could be bound.
        """
        left_out = dict(members.left_out)
        joined: list[Paired] = []
        for card in cards:
            own = [pair for pair in pairs if pair.modality is card.modality]
            count = len(SOLIDS) * COPIES if card.modality is Modality.POINTS else len(own)
            needed = self._needed(card, members)
            if count < needed:
                message = (
                    f"it is bound by pairs of a text and {INPUTS[card.modality]}, and there are {count}; "
                    f"{self._method or 'binding it'} needs {needed}: give them by --anchors"
                )
                if card.name in required:
                    raise InvalidInput(f"{card.name} cannot be bound: {message}", field="anchors")
                left_out[card.name] = message
                self._say(f"{card.name} is left out: {message}")
            elif card.modality is Modality.POINTS:
                joined.append(self._shipped(card, members, own))
            else:
                joined.append(self._taught(card, own, anchors_name))
        found = replace(members, classifiers=(*members.classifiers, *joined), left_out=left_out)
        if not (found.classifiers or found.towers):
            raise StartupError("there is nothing to bind to the text spaces: " + "; ".join(left_out.values()))
        heard = [self._heard_beside(one, found, pairs) for one in joined]
        return replace(found, classifiers=(*members.classifiers, *heard))

    def _needed(self, card: EncoderCard, members: Members) -> int:
        """The fewest pairs that leave enough to fit with when some are held out."""
        least = 2
        if self._method is not None:
            fewest = projections.form(LEAST_ANCHORS, self._method)
            for text in members.texts:
                ways = ((card.width, text.width), (text.width, card.width))
                least = max(least, *(fewest(*way) for way in ways))
        count = max(FEWEST, least)
        while len(split_pairs(count, self._seed).training) < least:
            count += 1
        return count

    def _shipped(self, card: EncoderCard, members: Members, own: Sequence[Pair]) -> Paired:
        clouds = [cloud(number, copy, self._seed) for number in range(len(SOLIDS)) for copy in range(COPIES)]
        things = np.repeat(np.arange(len(SOLIDS)), COPIES)
        step = f"solids in {card.name}"

        def make() -> dict[str, Array]:
            self._say(f"encoding {len(clouds)} {step}")
            contents = [Content(Modality.POINTS, one) for one in clouds]
            return {"dense": encode(self._encoders[card], contents).dense}

        key = {"space": f"{card.space} {card.space.fingerprint}", "solids": digest(*clouds)}
        beside = (self._encoders.model_of(card),)
        features = self._steps.arrays(step, encode, key, make, beside=beside)["dense"]
        split, apart = _split_solids(self._seed)
        return Paired(
            card,
            tuple(SOLIDS[thing].name for thing in things),
            features,
            features,
            things,
            split,
            apart,
            self._seen("solids", members, lambda: clouds, digest(*clouds), len(clouds)),
            self._seen_of_user(members, [Path(pair.other) for pair in own]),
            {},
            shipped=True,
        )

    def _taught(self, card: EncoderCard, own: Sequence[Pair], anchors_name: str) -> Paired:
        files = [Path(pair.other) for pair in own]
        found, faults = self._gatherer.files("anchors", card, files)
        for silent in np.flatnonzero(~found.dense.any(axis=1)):
            raise unread(anchors_name, own[int(silent)], faults.get(int(silent), "it cannot be read"))
        texts = list(dict.fromkeys(pair.text for pair in own))
        things = np.array([texts.index(pair.text) for pair in own])
        rows: dict[tuple[int, bytes], int] = {}
        for place, pair in enumerate(own):
            same = rows.setdefault((int(things[place]), found.dense[place].tobytes()), place)
            if same != place:
                fault = f"this says the same as line {own[same].line}; give each once"
                raise unread(anchors_name, pair, fault)
        split = split_pairs(len(own), self._seed)
        return Paired(
            card, tuple(pair.text for pair in own), found.dense, found.dense, things, split,
            split.held_out[:0], {}, {}, {}, shipped=False,
        )  # fmt: skip

    def _heard_beside(self, one: Paired, members: Members, pairs: Sequence[Pair]) -> Paired:
        """The member with what the others of its modality say of the user's inputs."""
        if one.shipped:
            return one
        files = [Path(pair.other) for pair in pairs if pair.modality is one.card.modality]
        others = [other.card for other in members.of(one.card.modality) if other is not one]
        said = {card.name: self._gatherer.files("anchors", card, files)[0].dense for card in others}
        return replace(one, others=said)

    def _seen_of_user(self, members: Members, files: Sequence[Path]) -> Mapping[str, Array]:
        if not files:
            return {}
        key = digest([file_digest(path) for path in files])

        def clouds() -> list[Array]:
            return [read_points(path) for path in files]

        return self._seen("anchors", members, clouds, key, len(files))

    def _seen(
        self, what: str, members: Members, clouds: Callable[[], Sequence[Array]], key: str, count: int
    ) -> Mapping[str, Array]:
        """The vectors `[count, VIEWS, width]` of pictures of the clouds, by image encoder with classes."""
        found = {}
        for one in members.of(Modality.IMAGE):
            card, step = one.card, f"views of {what} in {one.card.name}"

            def make(card: EncoderCard = card, step: str = step) -> dict[str, Array]:
                self._say(f"encoding {count * VIEWS} {step}")
                contents = [Content(Modality.IMAGE, view) for points in clouds() for view in views(points)]
                return {"dense": encode(self._encoders[card], contents).dense}

            said = {"space": f"{card.space} {card.space.fingerprint}", "clouds": key, "views": VIEWS}
            beside = (views, self._encoders.model_of(card))
            rows = self._steps.arrays(step, encode, said, make, beside=beside)["dense"]
            found[card.name] = rows.reshape(count, VIEWS, card.width)
        return found
