"""What is given to a model, and what is kept of it: contents, sections and items."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tieback_contract.arrays import Array, Span
from tieback_contract.metadata import Metadata
from tieback_contract.method_choice import MethodChoice
from tieback_contract.modality import Modality
from tieback_contract.recognition import RecognisedText, Segment
from tieback_contract.reports import Timing
from tieback_contract.shapes import alone
from tieback_contract.vectors import Vector

from tieback.core.errors import TiebackError


@dataclass(frozen=True, slots=True)
class TokenNumbers:
    """A text that the caller tokenised: the model's own numbers `[n]`, int64, special tokens included."""

    ids: Array


@dataclass(frozen=True, slots=True)
class CategoricalFeatures:
    """Categorical features: names, ascending, each with its values, ascending and each once.

    So what has the same values is equal, in whatever order they were given.
    """

    values: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, values: Mapping[str, Iterable[str]]) -> CategoricalFeatures:
        """The features of that mapping; those without a value are left out."""
        found = ((name, tuple(sorted(set(own)))) for name, own in sorted(values.items()))
        return cls(tuple((name, own) for name, own in found if own))


@dataclass(frozen=True, slots=True)
class Content:
    """One piece of input.

    `data` is `str` or `TokenNumbers` for TEXT, encoded `bytes` for IMAGE and AUDIO, an array `[n, 3]` for
    POINTS, `CategoricalFeatures` for FEATURES, and a `Vector` where a vector was computed before (its
    modality is then that of the vector's space, or None).
    """

    modality: Modality | None
    data: str | TokenNumbers | bytes | Array | CategoricalFeatures | Vector


@dataclass(frozen=True, slots=True)
class Section:
    """A citable part of an item. `content` of a stored section is its text, or None.

    `span` is which bytes of the original, as UTF-8, the text is; None where it is not known. It `continues`
    the section before it where both are pieces of one text that was cut for its length. Of a picture or a
    sound, `segments` say where parts of its words are: those that the index finds it by.
    """

    id: str
    content: Content | None
    title: str = ""
    uri: str = ""
    span: Span | None = None
    continues: bool = False
    segments: Sequence[Segment] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A document: sections of any modality."""

    id: str
    sections: Sequence[Section]
    title: str = ""
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecogniseRequest:
    """Pictures and sounds to read.

    `model` is the recogniser; empty for the server's of each content's modality. `fusion` is how a language
    model takes part.
    """

    contents: Sequence[Content] = field(metadata=alone())
    model: str = ""
    fusion: MethodChoice | None = None


@dataclass(frozen=True, slots=True)
class RecogniseReply:
    """A result for each content, in order; a bad one has an error."""

    results: Sequence[RecognisedText | TiebackError]
    timing: Timing
