"""Many inputs through one encoder, into its dense vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tieback_client.values.clouds import read_cloud
from tieback_contract.arrays import Array
from tieback_contract.limits import Limits
from tieback_contract.modality import Modality
from tieback_contract.vectors import VectorKind

from tieback.core.errors import InvalidInput
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan, Truncation
from tieback.models.encoder_model import EncoderModel, Prepared

TEXTS_AT_ONCE, FILES_AT_ONCE = 32, 8
FEWEST_POINTS = 8
"""Of a cloud that has a shape: those of a box."""

Progress = Callable[[float], None]
"""Called with the share that is done."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedInputs:
    """`dense` `[inputs, width]` unit rows, zeros where an input could not be read; `faults` are the reasons.

    `files` are the inputs where these were files.
    """

    dense: Array
    faults: dict[int, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def at(self, places: Array) -> EncodedInputs:
        """Of these inputs alone, which could all be read."""
        return EncodedInputs(self.dense[places], files=tuple(self.files[place] for place in places))


def encode(
    model: EncoderModel, contents: Iterable[Content | Path], done: Progress = lambda _share: None
) -> EncodedInputs:
    """A path stands for the photo, sound or cloud in that file, which is read when its turn comes."""
    waiting = list(contents)
    found = EncodedInputs(np.zeros((len(waiting), model.card.width), np.float32))
    plan = EncodePlan(kinds=model.card.kinds & {VectorKind.DENSE})
    for begin, rows in _batches(model, waiting):
        batch: list[tuple[int, Prepared]] = []
        for place in rows:
            try:
                batch.append((place, _prepare(model, waiting[place])))
            except InvalidInput as error:
                found.faults[place] = error.message
        encodings = model.run([prepared for _, prepared in batch], plan) if batch else []
        for (place, _), encoding in zip(batch, encodings, strict=True):
            found.dense[place] = encoding.dense
        done((begin + len(rows)) / len(waiting))
    return found


def encode_texts(model: EncoderModel, texts: Sequence[str], done: Progress = lambda _share: None) -> Array:
    """The vectors `[texts, width]`; a text in which the model knows no word has zeros."""
    return encode(model, [Content(Modality.TEXT, text) for text in texts], done).dense


def read_points(path: Path) -> Array:
    """The cloud `[points, 3]` in a file, as the SDK reads it. InvalidInput where it holds no shape."""
    try:
        points = read_cloud(path)
    except ValueError as error:
        raise InvalidInput(f"this is no point cloud: {error}", field="points") from None
    if len(np.unique(points, axis=0)) < FEWEST_POINTS:
        raise InvalidInput(
            f"the cloud has fewer than {FEWEST_POINTS} points that differ, which are no shape", field="points"
        )
    return points


def _prepare(model: EncoderModel, content: Content | Path) -> Prepared:
    if isinstance(content, Path):
        points = model.card.modality is Modality.POINTS
        try:
            data = read_points(content) if points else content.read_bytes()
        except OSError as error:
            raise InvalidInput(f"it cannot be read: {error.strerror}", field="content") from None
        content = Content(model.card.modality, data)
    return model.prepare(content, EncodePlan(truncation=Truncation.END), Limits())


def _batches(model: EncoderModel, contents: Sequence[Content | Path]) -> Iterable[tuple[int, Sequence[int]]]:
    """Places, batch by batch; texts of a length go together, so that little is padded."""
    lengths = [
        len(one.data) if isinstance(one, Content) and isinstance(one.data, str) else 0 for one in contents
    ]
    order = [int(place) for place in np.argsort(lengths, kind="stable")]
    size = TEXTS_AT_ONCE if model.card.modality is Modality.TEXT else FILES_AT_ONCE
    for begin in range(0, len(order), size):
        yield begin, order[begin : begin + size]
