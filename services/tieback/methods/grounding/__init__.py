"""Checkers of claims: whether passages support the claims of an answer.

A method's file also holds `summary`: which passages a finding rests on, for the citations of an answer. What
support is enough for that is a matter of the method's own scale. A method that is learned declares the arrays
of its state, `STATE`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.claims import NotCheckedReason, VerdictLabel

from tieback.core.family import Family, Form
from tieback.core.language import Sentence as Words
from tieback.core.language import sentence_of as words_of
from tieback.core.state import State

__all__ = [
    "READS",
    "SUMMARY",
    "Checker",
    "Finding",
    "Passage",
    "PassageLabel",
    "Place",
    "Reads",
    "Statement",
    "Summary",
    "Support",
    "TokenMark",
    "Words",
    "checkers",
    "is_learned",
    "reads_words",
    "words_of",
]


Place = tuple[int, int]
"""Of a window: the number of its passage, and its own within it."""

NO_ROWS = np.zeros((0, 0), np.float32)


class TokenMark(NamedTuple):
    """Probability that the passages do not say a part of a claim, in characters of it."""

    span: tuple[int, int]
    probability: float


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim; its unit vector `[width]`; where they are read, those of its tokens `[tokens, width]`.

    `readings`, of a question that a network read with windows of passages, are the features of each, and
    `unnamed` is what it names and no passage does. `read` reads a sentence of the claim with sentences of the
    evidence: the logits of a verdict `[3]`, supported, contradicted and neither. `likelihoods_behind` asks a
    language model of the claim behind a text: the mean log-probabilities of its tokens there and alone `[2]`.
    """

    text: str
    vector: Array
    rows: Array = field(default_factory=lambda: NO_ROWS)
    readings: Mapping[Place, Array] = field(default_factory=dict)
    unnamed: Sequence[str] = ()
    read: Callable[[str, str], Array] | None = None
    likelihoods_behind: Callable[[str], Array] | None = None


@dataclass(frozen=True, slots=True)
class PassageLabel:
    """The name of something that is seen in a picture or heard in a sound: its bytes in the passage's text.

    `score` is how likely it is there, 0 to 1.
    """

    span: tuple[int, int]
    score: float
    is_heard: bool


@dataclass(frozen=True)
class Passage:
    """A text; its windows (sentences) as byte ranges; a unit vector for each `[windows, width]`.

    `rows` are, where they are read, the unit vectors of each window's tokens `[tokens, width]`. What its
    words are is read once, for all claims. `labels` are parts of the text that are no statements, and `title`
    is what it stands under. `reads` are the windows as they are understood alone, a row with the names of its
    columns; without any, their own texts.
    """

    text: str
    windows: Sequence[tuple[int, int]]
    vectors: Array
    rows: Sequence[Array] = ()
    labels: Sequence[PassageLabel] = ()
    title: str = ""
    reads: Sequence[str] = ()

    def read_of(self, window: int) -> str:
        """A window as it is understood alone."""
        if self.reads:
            return self.reads[window]
        begin, end = self.windows[window]
        return self.text.encode()[begin:end].decode()

    def without_labels(self) -> Passage:
        """What is written or said in it: white space in place of labels, and none of their windows."""
        if not self.labels:
            return self
        encoded = bytearray(self.text.encode())
        for one in self.labels:
            begin, end = one.span
            encoded[begin:end] = b" " * (end - begin)
        kept = [
            place
            for place, (begin, end) in enumerate(self.windows)
            if not any(begin < one.span[1] and one.span[0] < end for one in self.labels)
        ]
        return replace(
            self,
            text=encoded.decode(),
            windows=[self.windows[place] for place in kept],
            vectors=self.vectors[kept],
            rows=[self.rows[place] for place in kept] if self.rows else (),
            reads=[self.reads[place] for place in kept] if self.reads else (),
            labels=(),
        )

    @cached_property
    def words(self) -> Words:
        """The words of the whole text."""
        return words_of(self.text)

    @cached_property
    def window_words(self) -> Sequence[Words]:
        """The words of each window."""
        encoded = self.text.encode()
        return [words_of(encoded[begin:end].decode()) for begin, end in self.windows]


@dataclass(frozen=True, slots=True)
class Support:
    """How well a passage supports a claim, 0 to 1; by which bytes of it; whether it says otherwise."""

    score: float
    span: tuple[int, int] | None
    contradicts: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome for one claim: `score` is the best support, `passages` has one for each passage.

    `reason` is why it was not checked; `checker` names the method where it is another one than was asked.
    `marks` are those of a network that reads the claim by its tokens; without any, words alone are compared.
    """

    label: VerdictLabel
    score: float
    passages: Sequence[Support]
    reason: NotCheckedReason | None = None
    checker: str = ""
    marks: Sequence[TokenMark] = ()


class Checker(Protocol):
    """A way to hold a claim against passages."""

    def __call__(self, claim: Statement, passages: Sequence[Passage], state: State) -> Finding:
        """Checks one claim, whose vectors are of the passages' space. `state` is empty unless it learned."""
        ...


class Summary(Protocol):
    """Explains a finding."""

    def __call__(self, finding: Finding) -> Sequence[int]:
        """The places of the passages that the finding rests on, the strongest support first."""
        ...


class Reads(Protocol):
    """Tells which windows a method reads, by words alone."""

    def __call__(self, claim: Statement, passages: Sequence[Passage]) -> Sequence[Sequence[int]]:
        """Of each passage the windows whose vectors it reads; of the others neither vectors nor rows."""
        ...


SUMMARY: Form[Summary] = Form("summary", Summary)
READS: Form[Reads] = Form("reads", Reads, required=False)

checkers: Family[Checker] = Family(__name__, Checker, SUMMARY, READS)


def reads_words(name: str) -> bool:
    """Whether the method knows words, which are those of English, and not characters alone: then its file has
    `READS_WORDS = False`. NotFound for an unknown method.
    """
    return bool(getattr(sys.modules[checkers.get(name).__module__], "READS_WORDS", True))


def is_learned(name: str) -> bool:
    """Tell whether the method needs a state. NotFound for an unknown method."""
    return checkers.has_state(name)
