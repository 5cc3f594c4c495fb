"""Nearest neighbours across modalities among the photos of a folder, by a binding with its routers."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, StartupError
from tieback.core.types.content import Content
from tieback.joint.projecting import read
from tieback.joint.retrieval import score, similarities
from tieback.joint.space import Joint
from tieback.models.encoder_model import EncoderModel
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.loading import load_encoder
from tieback.models.pictures.decoding import central_square
from tieback.models.store import Store
from tieback.recipes.class_name_bridges import encode_names
from tieback.recipes.train.encoding import encode
from tieback.reports.binding.photos import Found, Question

PHOTOS = (".jpg", ".jpeg", ".png", ".webp")
MOST_PHOTOS = 400
LARGEST_PHOTO = 20 << 20  # bytes
SHOWN = 3
SIDE, LARGEST_THUMBNAIL = 144, 12_000  # pixels, bytes

TEXTS = ("a photo of a dog", "people having a meal", "traffic in a city street")
"""What photos are asked for."""

WORDS = tuple(files(__package__).joinpath("photo_words.txt").read_text(encoding="utf-8").splitlines())
"""What photos are compared with, to show in words what they are near to."""


def search_photos(
    bound: JointSpaceArtifact, folder: Path, cards: Iterable[EncoderCard], store: Store
) -> list[Question]:
    """Asks a few texts for photos of the folder, and two of the photos for words.

    InvalidInput where the folder holds no photo that can be read; StartupError where an encoder is missing.
    """
    encoders = _encoders(bound, cards, store)
    files = sorted(path for path in _listed(folder) if path.suffix.lower() in PHOTOS)[:MOST_PHOTOS]
    photos = _photos(files, [one for one in encoders if one.card.modality is Modality.IMAGE])
    if len(photos.files) < SHOWN:
        raise InvalidInput(
            f"{folder} holds {len(photos.files)} photos that can be read; give a folder with at least "
            f"{SHOWN} ({', '.join(PHOTOS)})",
            field="photos",
        )
    texts = {
        one.card.space.name: encode_names(one, [*TEXTS, *WORDS])
        for one in encoders
        if one.card.modality is Modality.TEXT and VectorKind.DENSE in one.card.kinds
    }
    names, pictures = [path.stem for path in photos.files], _Thumbnails(photos.files)
    by_text, by_photo = _scores(bound, texts, photos)
    questions = [Question(text, _best(by_text[row], names, pictures)) for row, text in enumerate(TEXTS)]
    return questions + [
        Question(names[row], _best(by_photo[row], WORDS), pictures.of(row)) for row in _far_apart(len(names))
    ]


def _listed(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_file() and path.stat().st_size <= LARGEST_PHOTO]
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be read: {error.strerror}", field="photos") from None


def _encoders(bound: JointSpaceArtifact, cards: Iterable[EncoderCard], store: Store) -> list[EncoderModel]:
    offered = [card.at(precision) for card in cards for precision in card.offered_precisions]
    spaces = set(bound.spaces.values())
    wanted = [
        card for card in offered if card.space in spaces and bound.takes(card.space.name, card.modality)
    ]
    bound.check([card.space for card in wanted], {(card.space, card.modality) for card in wanted})
    kinds = (Modality.TEXT, Modality.IMAGE)
    loaded = [load_encoder(card, store) for card in wanted if card.modality in kinds]
    for kind in kinds:
        if not any(one.card.modality is kind for one in loaded):
            raise StartupError(
                f"the binding {bound.revision} binds no {kind} encoder, so there is nothing to show"
            )
    return loaded


@dataclass(frozen=True, slots=True)
class _Photos:
    """The photos that could be read, and the dense vectors `[photos, width]` by space."""

    files: list[Path]
    vectors: dict[str, Array]


def _photos(files: Sequence[Path], encoders: Sequence[EncoderModel]) -> _Photos:
    """What is no photo is passed over: the folder is the user's."""
    seen = {one.card.space.name: encode(one, files).dense for one in encoders}
    kept = np.flatnonzero(np.all([rows.any(axis=1) for rows in seen.values()], axis=0))
    return _Photos([files[int(place)] for place in kept], {name: rows[kept] for name, rows in seen.items()})


def _scores(bound: JointSpaceArtifact, texts: Mapping[str, Array], photos: _Photos) -> tuple[Array, Array]:
    """Texts against photos, and photos against WORDS."""
    joint = Joint.of(bound)
    written, shown = read(bound, texts, Modality.TEXT), read(bound, photos.vectors, Modality.IMAGE)
    words, pictures = joint.project_inputs(written), joint.project_inputs(shown)
    found = score(similarities(pictures, words), joint.weights(Modality.IMAGE, shown))
    return (
        score(similarities(words, pictures), joint.weights(Modality.TEXT, written)),
        found[:, len(TEXTS) :],
    )


def _best(scores: Array, names: Sequence[str], pictures: _Thumbnails | None = None) -> list[Found]:
    order = np.argsort(-scores, kind="stable")[:SHOWN]
    return [
        Found(names[place], float(scores[place]), pictures.of(int(place)) if pictures else "")
        for place in order
    ]


def _far_apart(count: int) -> list[int]:
    """Two photos from either half of the folder."""
    return sorted({count // 3, 2 * count // 3})


class _Thumbnails:
    """Small JPEGs of the photos, as data URIs, made when they are asked for."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._made: dict[int, str] = {}

    def of(self, place: int) -> str:
        if place not in self._made:
            self._made[place] = thumbnail(self._files[place].read_bytes())
        return self._made[place]


def thumbnail(data: bytes) -> str:
    """The picture's central square as a JPEG of at most LARGEST_THUMBNAIL bytes, in a data URI."""
    from PIL import Image

    pixels = central_square(Content(Modality.IMAGE, data), Limits(), field_of_view=1.0, side=SIDE)
    image = Image.fromarray(pixels)
    for quality in (75, 50, 25, 5):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True)
        if buffer.tell() <= LARGEST_THUMBNAIL:
            break
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
