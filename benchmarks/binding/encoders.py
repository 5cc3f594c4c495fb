"""The encoders of a binding in this process, and what they say of texts and photos; each text once."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from tieback.catalog.card import EncoderCard
from tieback.core.errors import StartupError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.methods.bridging import bridges
from tieback.models.encoder_model import EncoderModel, RawEncoding
from tieback.models.joint.artifact import JointSpaceArtifact
from tieback.models.joint.bridges import ClassNameBridge, load_bridges
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.class_name_bridges import encode_names
from tieback.recipes.train.encoding import encode
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import SpaceRef, VectorKind

from benchmarks.binding.vector_cache import VectorCache

VIEWS = 10
"""Of every photo: the whole, then nine of half its width and height, three by three."""

PHOTO_KINDS = frozenset({VectorKind.DENSE, VectorKind.LABELS})


@dataclass(frozen=True)
class Seen:
    """Vectors of photos by image spaces.

    `dense[space]` is `[photos, VIEWS, width]`. `named[text space]` `[photos, width]` is where class names put
    the whole photo, as before there was a binding.
    """

    dense: Mapping[str, Array]
    named: Mapping[str, Array]

    def whole(self) -> dict[str, Array]:
        """One vector per photo."""
        return {name: vectors[:, 0] for name, vectors in self.dense.items()}


class Encoders:
    """Loads each encoder when it is first needed."""

    def __init__(
        self,
        bound: JointSpaceArtifact,
        cards: Iterable[EncoderCard],
        store: Store,
        say: Callable[[str], None],
        vectors: Path | None = None,
    ) -> None:
        offered = {one.space: one for card in cards for one in map(card.at, card.offered_precisions)}
        bound.check(offered)
        if shared := [block.space.name for block in bound.blocks if len(block.encodes) > 1]:
            raise StartupError(
                f"the benchmark asks each space for one encoder, and {', '.join(shared)} has several; "
                "measure a binding without them (tieback bind --spaces)"
            )
        self.cards = {
            space.name: offered[space]
            for space in bound.spaces.values()
            if VectorKind.DENSE in offered[space].kinds  # what enters by terms is left out
        }
        self.modalities = {name: card.modality for name, card in self.cards.items()}
        self._bindings = load_bridges(store.bindings, bound.spaces.values())
        self._store, self._say = store, say
        self._loaded: dict[str, EncoderModel] = {}
        self._texts = {name: VectorCache(vectors, self.space(name)) for name in self.of(Modality.TEXT)}
        self._seen: dict[tuple[Path, ...], Seen] = {}

    def of(self, modality: Modality) -> list[str]:
        """The spaces that encode it."""
        return [name for name, one in self.modalities.items() if one is modality]

    def space(self, name: str) -> SpaceRef:
        """The space as it was bound."""
        return self.cards[name].space

    def model(self, name: str) -> EncoderModel:
        """The loaded encoder."""
        if name not in self._loaded:
            self._loaded[name] = load_encoder(self.cards[name], self._store)
        return self._loaded[name]

    def texts(self, texts: Sequence[str]) -> dict[str, Array]:
        """Unit vectors `[texts, width]` by text space."""
        found = {}
        for name, known in self._texts.items():
            if missing := list(dict.fromkeys(text for text in texts if text not in known)):
                self._say(f"{name}: {len(missing)} texts")
                known.add(missing, encode_names(self.model(name), missing))
            found[name] = np.stack([known[text] for text in texts])
        return found

    def sounds(self, sounds: Sequence[Path]) -> dict[str, Array]:
        """Unit vectors `[sounds, width]` by audio space."""
        return {name: encode(self.model(name), sounds).dense for name in self.of(Modality.AUDIO)}

    def photos(self, photos: Sequence[Path]) -> Seen:
        """Vectors of photos and of their parts."""
        key = tuple(photos)
        if key not in self._seen:
            self._seen[key] = self._see(key)
        return self._seen[key]

    def _see(self, photos: Sequence[Path]) -> Seen:
        dense: dict[str, list[Array]] = {}
        said: dict[str, list[RawEncoding]] = {}
        for name in self.of(Modality.IMAGE):
            self._say(f"{name}: {len(photos)} photos, {VIEWS} views of each")
            for path in photos:
                found = self._run(name, [path.read_bytes(), *parts_of(path.read_bytes())])
                dense.setdefault(name, []).append(
                    np.stack([one.dense for one in found if one.dense is not None])
                )
                said.setdefault(name, []).append(found[0])
        named = {
            bound.target.name: _by_class_names(bound, said[bound.source.name])
            for bound in self._bindings
            if bound.source.name in said
        }
        return Seen({name: np.stack(rows) for name, rows in dense.items()}, named)

    def _run(self, name: str, pictures: Sequence[bytes]) -> list[RawEncoding]:
        model = self.model(name)
        prepared = [
            model.prepare(Content(Modality.IMAGE, data), EncodePlan(truncation=Truncation.END), Limits())
            for data in pictures
        ]
        return model.run(prepared, EncodePlan(kinds=PHOTO_KINDS & model.card.kinds))


def parts_of(photo: bytes) -> list[bytes]:
    """Nine parts of half the photo's width and height, three by three, a quarter apart; without loss."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(photo))).convert("RGB")
    width, height = image.size
    found = []
    for down in (0.0, 0.25, 0.5):
        for across in (0.0, 0.25, 0.5):
            left, top = across * width, down * height
            buffer = io.BytesIO()
            part = image.crop((int(left), int(top), int(left + width / 2), int(top + height / 2)))
            part.save(buffer, "BMP")
            found.append(buffer.getvalue())
    return found


def _by_class_names(bound: ClassNameBridge, said: Sequence[RawEncoding]) -> Array:
    method = bridges.configure("class_names")
    return np.stack(
        [
            method(
                np.array([label.probability for label in one.labels]),
                bound.vectors[[label.index for label in one.labels]],
            )
            for one in said
        ]
    )
