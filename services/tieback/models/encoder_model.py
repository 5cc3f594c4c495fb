"""The contract between a loaded encoder and the service that batches for it."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.limits import Limits
from tieback_contract.locators import Locators

from tieback.catalog.card import EncoderCard
from tieback.core.deadline import Deadline
from tieback.core.errors import StartupError, TiebackError
from tieback.core.types.content import Content
from tieback.core.types.encoding import EncodePlan
from tieback.models.adapters import Adapters


@dataclass(frozen=True, slots=True)
class Prepared:
    """One input, tokenised or decoded.

    `tokens` is what it costs to run (tokens with the special ones, cells of a picture, patches of sound),
    `truncated` the tokens that were cut off, `payload` private to the model, and `size` the bytes that the
    payload takes until the model has run; 0 where they are few.
    """

    tokens: int
    payload: Any
    truncated: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Weight:
    """What preparing and running a content will take, as far as its header shows: never less than it does.

    `tokens` as of `Prepared`; `size` is the bytes that it takes at most while it is decoded.
    """

    tokens: int
    size: int


@dataclass(frozen=True, slots=True)
class RawEncoding:
    """What a model computed for one input, in float32.

    `dense` `[width]` and the `rows` `[rows, width]` of the multi-vector have length 1; `locators` say what
    part of the input each row is of: a token's bytes, a region, a window. `labels` are the likeliest classes,
    best first. `sparse` are the numbers of terms, int32 and ascending, with their weights, above 0.
    """

    dense: Array | None
    rows: Array | None = None
    locators: Locators | None = None
    labels: Sequence[Label] = ()
    sparse: tuple[Array, Array] | None = None


class EncoderModel(Protocol):
    """A loaded encoder.

    `pads` is whether the members of a batch are padded to the longest. `prepare` may run in any thread;
    `run` runs in one thread at a time.
    """

    card: EncoderCard
    pads: bool

    @property
    def sizes(self) -> Sequence[int]:
        """Tokens of inputs whose cost is worth measuring, smallest first; one where all cost alike."""
        ...

    def sample(self, tokens: int) -> Prepared:
        """An input of that many tokens, to measure what inputs of its size cost."""
        ...

    def prepare(self, content: Content, plan: EncodePlan, limits: Limits) -> Prepared:
        """Reads one content. InvalidInput, its field named by the modality, where it cannot be read."""
        ...

    def run(self, batch: Sequence[Prepared], plan: EncodePlan) -> list[RawEncoding]:
        """One encoding per member, in order, at full width in float32, of what the plan has computed."""
        ...

    def warm_up(self) -> None:
        """Runs once, so that the first request does not pay for what is made on first use."""
        ...


@runtime_checkable
class WeighsContents(Protocol):
    """What an encoder of pictures, sounds or clouds is too: decoding may take far more than what is sent."""

    def weigh(self, content: Content, plan: EncodePlan, limits: Limits) -> Weight:
        """Reads the header of one content. InvalidInput, as of `EncoderModel.prepare`, for what it shows."""
        ...


@runtime_checkable
class ReadsText(Protocol):
    """What an encoder of texts is too: it reports how much of one it reads. For any thread."""

    @property
    def window(self) -> int | None:
        """Tokens of a text that are read at most, its own and no others; None for no limit."""
        ...

    def starts(self, text: str) -> Array:
        """The characters at which the tokens of a text begin `[tokens]`, int64, ascending."""
        ...


@runtime_checkable
class AsksServer(Protocol):
    """Part of an encoder that another server runs: it is asked, and runs nothing here.

    `cosine` is that of its canary to the one that was kept, when it was last looked at; NaN before.
    """

    card: EncoderCard
    cosine: float

    async def begin(self) -> None:
        """Looks at what answers there, before the first request. Raises nothing: it may be away for now."""
        ...

    async def answer(
        self, batch: Sequence[Prepared], deadline: Deadline, *, alone: bool
    ) -> list[RawEncoding | TiebackError]:
        """One encoding for each, or why that one is refused; each is asked for by itself if `alone`."""
        ...

    async def close(self) -> None:
        """Closes its connections."""
        ...


@runtime_checkable
class KeepsExperts(Protocol):
    """What an encoder that was merged of experts may be too: a plan can name one of them."""

    @property
    def adapters(self) -> Adapters | None:
        """The adapters of the experts; None where the card keeps none."""
        ...


@runtime_checkable
class NamesTerms(Protocol):
    """What an encoder of the kind SPARSE is too: `terms[n]` is the name of the term with number n."""

    @property
    def terms(self) -> Sequence[str]:
        """The vocabulary."""
        ...


SMALLEST = 1e-12


def unit_rows(rows: Array) -> Array:
    """Each row of `[..., width]` divided by its length, in float32; a row of zeros stays one."""
    rows = rows.astype(np.float32, copy=False)
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, SMALLEST), np.float32)


def read_class_names(path: Path) -> tuple[str, ...]:
    """The names by class number: a JSON list, a CSV with the column `display_name`, or one name a line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        names = json.loads(text)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise StartupError(f"{path.name} of class names is not a list of strings")
        return tuple(names)
    if path.suffix == ".csv":
        rows = csv.DictReader(text.splitlines())
        if "display_name" not in (rows.fieldnames or ()):
            raise StartupError(f"{path.name} of class names has no column display_name")
        return tuple(row["display_name"] for row in rows)
    return tuple(text.splitlines())


def likeliest(probabilities: Array, names: tuple[str, ...], top: int) -> list[Label]:
    """The `top` classes of `[classes]` probabilities, best first."""
    order = np.argsort(-probabilities, kind="stable")[:top]
    return [Label(names[index], int(index), float(probabilities[index])) for index in order]
