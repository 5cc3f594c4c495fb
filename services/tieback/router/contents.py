"""An input as its contents (photos, texts, sounds), each with a weight and its encodings.

Weights make arithmetic of contents: a photo and words are added (ALIGN, Jia et al., 2021, arXiv:2102.05918),
several photos are averaged, and a negative weight subtracts a content ("this, and not that"). Only a query
can subtract: a stored vector describes what is there.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tieback_contract.arrays import Array
from tieback_contract.encodings import Label
from tieback_contract.field_path import at
from tieback_contract.fusion import FusePart
from tieback_contract.modality import Modality

from tieback.core.errors import InvalidInput, SpaceMismatch
from tieback.core.types.fusion import Role
from tieback.router.input_adapters import InputAdapter
from tieback.router.joint_space import JointSpace


@dataclass(slots=True)
class ReadEncoding:
    """One encoding: which content it is of, and what was read of it."""

    content: int
    adapter: InputAdapter
    reading: Any


@dataclass(slots=True)
class ContentVectors:
    """The vectors of a content in the joint space: `views` `[views, width]`, unit in every `present` block.

    The first view is the whole, the others are its regions; `present` is `[views, blocks]`.
    """

    views: Array
    present: Array


@dataclass
class Contents:
    """The contents that count, by number: their weights, modalities and encodings.

    `by_content` has the `encodings` by their content. `vectors` is empty until they are projected
    (`router/blocks.py`). `imputed` are, by number and block, the unit vectors among them that are imputed
    for missing spaces (`router/imputing.py`).
    """

    weights: dict[int, float]
    modalities: dict[int, Modality]
    encodings: list[ReadEncoding]
    labels: list[Label]
    by_content: dict[int, list[ReadEncoding]] = field(default_factory=dict)
    vectors: dict[int, ContentVectors] = field(default_factory=dict)
    imputed: dict[int, dict[str, Array]] = field(default_factory=dict)

    @property
    def modality(self) -> str:
        """Modalities of the input, for instance "image+text"."""
        return "+".join(sorted(set(self.modalities.values())))

    def add(self, encoding: ReadEncoding) -> None:
        """Takes in one more encoding, of a content that counts."""
        self.encodings.append(encoding)
        self.by_content.setdefault(encoding.content, []).append(encoding)

    def sources(self, content: int) -> set[str]:
        """The names of the spaces that encoded a content."""
        return {encoding.adapter.source.name for encoding in self.by_content.get(content, ())}

    @functools.cached_property
    def shares(self) -> dict[int, float]:
        """How much of the input each content is, added or taken away; they sum to 1."""
        total = sum(map(abs, self.weights.values()))
        return {content: abs(weight) / total for content, weight in self.weights.items()}


def contents_of(joint: JointSpace, parts: Sequence[FusePart], role: Role, most: int = 0) -> Contents:
    """The contents of one input, `most` of them at most where it is not 0.

    InvalidInput and SpaceMismatch name the part.
    """
    weights = _weights(parts, role)
    if most and len(weights) > most:
        raise InvalidInput(
            f"the input has {len(weights)} contents, and this server takes {most} at most", field="parts"
        )
    seen: set[tuple[int, str]] = set()
    found = Contents({number: weight for number, weight in weights.items() if weight}, {}, [], [])
    for position, part in enumerate(parts):
        try:
            _once(seen, part)
            adapter = joint.adapters.get(part.encoding.space.name)
            if adapter is None:
                raise _no_projection(joint.adapters, part)
            encoding = ReadEncoding(part.content, adapter, adapter.read(part.encoding))
        except InvalidInput as error:
            raise error.within(at("parts", position)) from None
        if part.content in found.weights:
            found.add(encoding)
            modality = joint.modality_of(part.encoding.space.name, part.encoding.modality or Modality.TEXT)
            found.modalities.setdefault(part.content, modality)
        if part.weight > 0:
            found.labels.extend(part.encoding.labels)
    return found


def _weights(parts: Sequence[FusePart], role: Role) -> dict[int, float]:
    weights: dict[int, float] = {}
    for position, part in enumerate(parts):
        field = at("parts", position, "weight")
        if not math.isfinite(part.weight):
            raise InvalidInput(f"a weight is a finite number, not {part.weight}", field=field)
        if part.weight < 0 and role is Role.DOCUMENT:
            raise InvalidInput(
                f"a weight of a document is 0 or more, not {part.weight}: what is stored says what is there, "
                "and only a query takes away",
                field=field,
            )
        if weights.setdefault(part.content, part.weight) != part.weight:
            raise InvalidInput(f"the parts of content {part.content} differ in weight", field=field)
    if not weights:
        raise InvalidInput("an input needs at least one encoding", field="parts")
    if not any(weights.values()):
        raise InvalidInput("all weights are 0; give at least one content another", field="parts")
    return weights


def _once(seen: set[tuple[int, str]], part: FusePart) -> None:
    key = (part.content, part.encoding.space.name)
    if key in seen:
        raise InvalidInput(
            f"content {part.content} has two encodings by {part.encoding.space.name}; "
            "give contents that differ numbers that differ",
            field="content",
        )
    seen.add(key)


def _no_projection(joined: Iterable[str], part: FusePart) -> SpaceMismatch:
    return SpaceMismatch(
        f"the space {part.encoding.space.name!r} is not projected into the joint space; "
        f"the projected spaces are: {', '.join(joined)}",
        field=at("encoding", "space"),
    )
