"""Encoders without classes: what they are shown, each with a text, takes the place of classes with names.

A row is an input with its text. Point clouds have rows of their own, several of each thing: solids that are
made (`training/solids`). Whatever else the user has pairs for. Rows of one thing have one text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality

from tieback.artifacts import file_digest
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.methods.projection import LEAST_ANCHORS, projections
from tieback.recipes.binding.participants import BindingOptions, Member, Participants
from tieback.recipes.train.encoders import Encoders, encode_others
from tieback.recipes.train.encoding import read_points
from tieback.training.data.user_pairs import Pair, split_pairs
from tieback.training.digests import digest
from tieback.training.solids import COPIES, SOLIDS, clouds, split_clouds

# Pictures of a point cloud from several sides, as an encoder of pictures is shown them.
#
# Each is an orthographic projection, a little from above. A point is a small square, as large as the points
# are far apart, and the darker the nearer it is.
VIEWS = 4
SIDE = 128  # pixels
FILLED = 0.85
"""Share of the picture's side that the cloud reaches over."""
FROM_ABOVE = np.radians(20.0)
NEAR, FAR, GROUND = 50, 190, 255


def views(points: Array) -> list[bytes]:
    """VIEWS PNG pictures of `[points, 3]`, a quarter turn apart."""
    return [_png(_picture(points, turn)) for turn in np.arange(VIEWS) * 2 * np.pi / VIEWS + np.pi / 8]


def _picture(points: Array, turn: float) -> Array:
    centred = points - (points.min(axis=0) + points.max(axis=0)) / 2
    reach = float(np.linalg.norm(centred, axis=1).max()) or 1.0
    x, y, z = (centred / reach).T
    across, deep = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    upward = np.cos(FROM_ABOVE) * z + np.sin(FROM_ABOVE) * deep
    depth = np.cos(FROM_ABOVE) * deep - np.sin(FROM_ABOVE) * z  # larger is farther
    columns, rows = (
        np.rint((FILLED * side / 2 + 0.5) * (SIDE - 1)).astype(int) for side in (across, -upward)
    )
    spread = float(np.ptp(depth)) or 1.0
    shade = NEAR + (FAR - NEAR) * (depth - depth.min()) / spread
    picture = np.full((SIDE, SIDE), GROUND, np.float32)
    half = max(1, round(SIDE / 2 / np.sqrt(len(points))))
    order = np.argsort(-depth, kind="stable")  # the nearest last, over those behind
    for down in range(-half, half + 1):
        for right in range(-half, half + 1):
            places = np.clip(rows + down, 0, SIDE - 1)[order], np.clip(columns + right, 0, SIDE - 1)[order]
            np.minimum.at(picture, places, shade[order])
    return picture.astype(np.uint8)


def _png(picture: Array) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


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
        shipped = card.modality is Modality.POINTS
        count = len(SOLIDS) * COPIES if shipped else len(own)
        needed = _needed(card, participants, options)
        if count < needed:
            message = (
                f"it is bound by pairs of a text and {INPUTS[card.modality]}, and there are {count}; "
                f"{options.method or 'binding it'} needs {needed}: give them by --anchors"
            )
            if card.name in options.spaces:
                raise InvalidInput(f"{card.name} cannot be bound: {message}", field="anchors")
            left_out[card.name] = message
            say(f"{card.name} is left out: {message}")
        elif shipped:
            joined.append(_of_solids(card, participants, own, encoders, options.seed))
        else:
            joined.append(_of_pairs(card, own, encoders, options.seed))
    found = replace(participants, labelled=(*participants.labelled, *joined), left_out=left_out)
    if not (found.labelled or found.towers):
        raise StartupError("there is nothing to bind to the text spaces: " + "; ".join(left_out.values()))
    complete = [one if one.captioned else _beside(one, found, pairs, encoders) for one in joined]
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


def _of_solids(
    card: EncoderCard, participants: Participants, own: Sequence[Pair], encoders: Encoders, seed: int
) -> Member:
    """By solids with their names; of them and of the user's clouds there are views."""
    solids, things = clouds(seed), np.repeat(np.arange(len(SOLIDS)), COPIES)
    key, contents = digest(*solids), [Content(Modality.POINTS, one) for one in solids]
    features = encoders.contents("solids", card, lambda: contents, len(solids), {"solids": key})
    seen = _views("solids", lambda: solids, len(solids), key, participants, encoders)
    files, user_seen = [Path(pair.other) for pair in own], dict[str, Array]()
    if files:
        user_key = digest([file_digest(path) for path in files])
        user_seen = _views(
            "anchors", lambda: map(read_points, files), len(files), user_key, participants, encoders
        )
    split, apart = split_clouds(seed)
    names = tuple(SOLIDS[thing].name for thing in things)
    return Member(card, names, features, things, split, apart, paired=True, views=seen, user_views=user_seen)


def _views(
    what: str, read: Callable[[], Iterable[Array]], count: int, key: str, by: Participants, encoders: Encoders
) -> dict[str, Array]:
    """The vectors `[count, VIEWS, width]` of pictures of clouds, by each image encoder with classes."""

    def pictures() -> list[Content]:
        return [Content(Modality.IMAGE, view) for points in read() for view in views(points)]

    made_from = {"clouds": key, "views": VIEWS}
    found = {
        one.name: encoders.contents(f"views of {what}", one.card, pictures, count * VIEWS, made_from, views)
        for one in by.of(Modality.IMAGE)
    }
    return {name: rows.reshape(count, VIEWS, rows.shape[1]) for name, rows in found.items()}


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
    split = split_pairs(len(own), seed)
    names = tuple(pair.text for pair in own)
    return Member(card, names, features, things, split, split.held_out[:0], paired=True, captioned=False)


def _beside(one: Member, participants: Participants, pairs: Sequence[Pair], encoders: Encoders) -> Member:
    """The member with the vectors that the others of its modality have of the user's inputs."""
    files = [Path(pair.other) for pair in pairs if pair.modality is one.modality]
    others = [other.card for other in participants.of(one.modality) if other is not one]
    return replace(one, others={card.name: encoders.files("anchors", card, files).dense for card in others})
