"""Passages cut into windows of whole sentences, no longer than a model of the user's reads at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from tieback_contract.arrays import Array, Span

from tieback.core.displayed import as_displayed
from tieback.core.spans import ByteOffsets

BETWEEN = "\n\n"
"""Text between passages that are read together."""


class CutPassage(NamedTuple):
    """A passage and the bytes of its sentences."""

    text: str
    sentences: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Window:
    """A text that is read at a time, and the bytes of passages, by their places, that it is made of."""

    text: str
    parts: Sequence[tuple[int, Span]]


class _Piece(NamedTuple):
    """Characters of a passage, and how many tokens they are."""

    passage: int
    begin: int
    end: int
    tokens: int


def windows(
    passages: Sequence[CutPassage], starts: Callable[[str], Array], room: int, *, together: bool
) -> list[list[Window]]:
    """The windows of each passage, or those of all `together` as of one; a passage without a word has none.

    A window has at most `room` tokens; `starts` gives the characters at which those of a text begin. What
    fits is one window, word for word. A sentence that does not fit is cut between tokens.
    """
    pieces = [
        list(_pieces(place, passage, starts, room)) if passage.text.strip() else []
        for place, passage in enumerate(passages)
    ]
    texts = [passage.text for passage in passages]
    groups = [[piece for of_one in pieces for piece in of_one]] if together else pieces
    return [[_window(chosen, texts) for chosen in _packed(group, room)] for group in groups]


def _pieces(place: int, passage: CutPassage, starts: Callable[[str], Array], room: int) -> Iterator[_Piece]:
    """Sentences, each with what stands behind it up to the next one."""
    text = passage.text
    tokens = starts(text)
    begins = [0, *_characters(passage)[1:]]
    for begin, end in zip(begins, [*begins[1:], len(text)], strict=True):
        first, last = np.searchsorted(tokens, [begin, end]).tolist()
        while last - first > room:
            cut = int(tokens[first + room])
            yield _Piece(place, begin, cut, room)
            begin, first = cut, first + room
        yield _Piece(place, begin, end, last - first)


def _characters(passage: CutPassage) -> list[int]:
    """The characters at which the sentences begin; 0 where there are none."""
    if not passage.sentences:
        return [0]
    bytes_at = ByteOffsets(passage.text).spans(np.stack([np.arange(len(passage.text) + 1)] * 2, axis=1))[:, 0]
    found: list[int] = np.searchsorted(bytes_at, [begin for begin, _ in passage.sentences]).tolist()
    return found


def _packed(pieces: Sequence[_Piece], room: int) -> Iterator[list[_Piece]]:
    """As many pieces, one after another, as there is room for."""
    chosen: list[_Piece] = []
    size = 0
    for piece in pieces:
        if chosen and size + piece.tokens > room:
            yield chosen
            chosen, size = [], 0
        chosen.append(piece)
        size += piece.tokens
    if chosen:
        yield chosen


def _window(pieces: Sequence[_Piece], texts: Sequence[str]) -> Window:
    """The window of some pieces, those of one passage as one part."""
    merged: list[_Piece] = []
    for piece in pieces:
        if merged and merged[-1].passage == piece.passage:
            merged[-1] = merged[-1]._replace(end=piece.end)
        else:
            merged.append(piece)
    parts = [(one.passage, ByteOffsets(texts[one.passage]).span(one.begin, one.end)) for one in merged]
    told = [texts[one.passage][one.begin : one.end] for one in merged]
    is_whole = len(merged) == 1 and told[0] == texts[merged[0].passage]
    return Window(as_displayed(told[0] if is_whole else BETWEEN.join(one.strip() for one in told)), parts)
