"""Many inputs through one encoder, into its dense vectors and, of classifiers, their likeliest classes."""

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
from tieback.methods.bridging import bridges
from tieback.models.encoder_model import EncoderModel, Prepared

TEXTS_AT_ONCE, FILES_AT_ONCE = 32, 8
LABELS = 10
FEWEST_POINTS = 8
"""Of a cloud that has a shape: those of a box."""

Progress = Callable[[float], None]
"""Called with the share that is done."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedInputs:
    """`dense` `[inputs, width]` unit rows, zeros where an input could not be read; `faults` are the reasons.

    `classes` and `shares` `[inputs, LABELS]` are the likeliest classes with their probabilities, -1 and 0
    where there are none. `files` are the inputs where these were files.
    """

    dense: Array
    classes: Array
    shares: Array
    faults: dict[int, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()

    def at(self, places: Array) -> EncodedInputs:
        """Of these inputs alone, which could all be read."""
        files = tuple(self.files[place] for place in places) if self.files else ()
        return EncodedInputs(self.dense[places], self.classes[places], self.shares[places], files=files)

    def by_names(self, names: Array) -> Array:
        """The mean of the names of each input's likeliest classes `[inputs, width]`, as without a binding.

        `names` are the names' vectors `[classes, width]`. An input without classes has zeros.
        """
        method = bridges.configure("class_names")
        found = np.zeros((len(self.classes), names.shape[1]), np.float32)
        for row, (classes, shares) in enumerate(zip(self.classes, self.shares, strict=True)):
            if (known := classes >= 0).any():
                found[row] = method(shares[known], names[classes[known]])
        return found


def encode(
    model: EncoderModel, contents: Iterable[Content | Path], done: Progress = lambda _share: None
) -> EncodedInputs:
    """A path stands for the photo, sound or cloud in that file, which is read when its turn comes."""
    waiting = list(contents)
    found = EncodedInputs(
        np.zeros((len(waiting), model.card.width), np.float32),
        np.full((len(waiting), LABELS), -1, np.int64),
        np.zeros((len(waiting), LABELS), np.float32),
        {},
    )
    plan = EncodePlan(kinds=model.card.kinds & {VectorKind.DENSE, VectorKind.LABELS})
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
            for rank, label in enumerate(encoding.labels[:LABELS]):
                found.classes[place, rank], found.shares[place, rank] = label.index, label.probability
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
