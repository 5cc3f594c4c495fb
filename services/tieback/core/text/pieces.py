"""Where a text that is too long for a model is cut: into pieces of at most so many tokens each.

A long text is worked on in stretches, so that the memory does not grow with it: see `stretches`.

A piece ends at the end of a sentence where one lies in its second half, else of a line, else between words,
else between characters as readers see them (Unicode's grapheme clusters), and only inside such a character
where that alone is too long. Pieces are of about one size, so none is a small rest. A piece may begin with
the last sentence of the one before it. Together they hold all of the text: each begins at the end of the one
before it, or earlier.

Places are numbers of characters, as Python counts them. The time is linear in the text. Characters are looked
at as arrays of code points: as Python objects they would keep the interpreter from other threads.
"""

from __future__ import annotations

import math
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import numpy as np
import regex
from tieback_contract.arrays import Array

from tieback.core.text import sentences

LONGEST_TOKEN = 64
"""Characters of a token; a longer one counts as several. A word that a model does not know can be one token
of any length."""

STRETCH = 1 << 16
"""Characters that are worked on at once at most, where `PIECES` pieces are not longer."""
PIECES = 16
"""A stretch has at least so many characters for each token of a piece: several pieces, of most texts."""

CLUSTERS = 128
"""Characters among which grapheme clusters are looked for at once."""

_GRAPHEME = regex.compile(r"\X")
_STRETCH_ENDS = tuple(
    regex.compile(end, regex.REVERSE)
    for end in (
        r"\n[ \t]*\r?\n(?=\P{M})",
        r"[.!?…]\s(?=[^\p{M}\n])|[。！？][」』”’）]*(?=[^\p{M}」』”’）。！？])",
        r"\n(?=[^\p{M}\n])",
        r"\s(?=[^\p{M}\n])",
        r"[0-9A-Za-z](?=[0-9A-Za-z])",
    )
)
"""After a paragraph, a sentence, a line, a word, a letter that surely is one by itself; the last is found
first."""

_WIDE_SPACE = 0x3001
_SPACES = np.array([chr(point).isspace() for point in range(_WIDE_SPACE + 1)])
"""Which characters are white space; there is none behind the last."""
_FIRST_MARK = 0x300
_LINE_FEED = 0xA


def longest_stretch(room: int) -> int:
    """Characters that are worked on at once at most, for pieces of `room` tokens."""
    return max(STRETCH, PIECES * room)


def stretches(text: str, room: int) -> Iterator[tuple[int, int]]:
    """The parts of a text that are cut into pieces of `room` tokens each for itself; of a short one, all.

    They are of about one size. Each ends after a paragraph where one ends in its second half, else after a
    sentence, a line, a word, or a character as readers see it.
    """
    most = longest_stretch(room)
    begin = 0
    while (left := len(text) - begin) > most:
        end = _stretch_end(text, begin, begin + math.ceil(left / math.ceil(left / most)))
        yield begin, end
        begin = end
    yield begin, len(text)


def _stretch_end(text: str, begin: int, limit: int) -> int:
    for ends in _STRETCH_ENDS:
        found = ends.search(text, begin + (limit - begin) // 2, limit + 1)
        if found is not None:
            return found.end()
    *_, last = limit, *_character_ends(text, begin, limit)  # the limit, where one is longer than that
    return last


def pieces(text: str, starts: Array, room: int, overlap: float) -> list[tuple[int, int]]:
    """The pieces of a text whose tokens begin at `starts` `[tokens]`, ascending; one if `room` is enough.

    `overlap` is the largest share of `room` that a sentence may take to be repeated in the next piece.
    """
    starts = _with_long_ones_counted(text, starts)
    if len(starts) <= room:
        return [(0, len(text))]
    return list(_Cutting(text, starts, room, overlap).pieces())


class _Cutting:
    """One text on its way to be cut."""

    def __init__(self, text: str, starts: Array, room: int, overlap: float) -> None:
        points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        space = _SPACES[np.minimum(points, _WIDE_SPACE)]
        # Some tokenizers count the space before a word as part of it.
        following = np.where(space, len(text), np.arange(len(text)))
        following = np.minimum.accumulate(following[::-1])[::-1]
        moved = following[starts]
        self._starts = np.where(moved < len(text), moved, starts)
        self._text = text
        self._may_be_mark = points[self._starts] >= _FIRST_MARK
        self._room = room
        self._overlap = int(room * overlap)
        self._sentences = self._behind(np.fromiter(sentences.ends(text), np.int64), following)
        self._lines = self._behind(np.flatnonzero(points == _LINE_FEED) + 1, following)
        words = np.flatnonzero(space[self._starts - 1] & ~space[self._starts] & (self._starts > 0))
        self._words = self._whole(words)

    def pieces(self) -> Iterator[tuple[int, int]]:
        """The pieces in order."""
        total = len(self._starts)
        begin, begin_place = 0, 0
        while total - begin > self._room:
            end, end_place = self._end(begin, begin_place)
            yield begin_place, end_place
            again = self._repeated(begin, end)
            begin, begin_place = (end, end_place) if again is None else (again, int(self._starts[again]))
        if begin_place < len(self._text):
            yield begin_place, len(self._text)

    def _end(self, begin: int, begin_place: int) -> tuple[int, int]:
        """Where a piece that begins at a token ends: the token, and its place."""
        left = len(self._starts) - begin
        even = begin + math.ceil(left / math.ceil(left / self._room))
        least = begin + max(1, self._room // 2)
        most = min(begin + self._room, len(self._starts) - self._room // 4)  # so that no small rest is left
        for ends in (self._sentences, self._lines, self._words):
            end = _nearest(ends, even, least, most)
            if end is not None:
                return end, int(self._starts[end])
        return self._within_a_word(begin, begin_place, most)

    def _within_a_word(self, begin: int, begin_place: int, most: int) -> tuple[int, int]:
        """The last end of a character, as readers see it, that leaves at most `most` tokens in the piece."""
        limit = int(self._starts[most])
        place = begin_place
        for end in _character_ends(self._text, begin_place, limit):
            place = end
        if place == begin_place:  # one such character is longer than the piece
            place = max(limit, begin_place + 1)
        return max(int(np.searchsorted(self._starts, place)), begin + 1), place

    def _repeated(self, begin: int, end: int) -> int | None:
        """The token with which the piece's last sentence begins, if that is short enough to be repeated."""
        at = bisect_left(self._sentences, end)
        if at == 0 or at == len(self._sentences) or self._sentences[at] != end:
            return None
        last = self._sentences[at - 1]
        return last if last > begin and end - last <= self._overlap else None

    def _behind(self, ends: Array, following: Array) -> list[int]:
        """The tokens that begin what follows some ends; `following` is the next place without white space."""
        firsts = following[ends[ends < len(following)]]
        tokens = np.unique(np.searchsorted(self._starts, firsts[firsts < len(following)]))
        return self._whole(tokens[tokens < len(self._starts)])

    def _whole(self, tokens: Array) -> list[int]:
        """Of some tokens those before which a cut leaves no mark apart from what it stands on."""
        doubtful = self._may_be_mark[tokens]
        if not doubtful.any():
            return list(tokens.tolist())
        firsts = self._starts[tokens].tolist()
        return [
            token
            for token, place, doubt in zip(tokens.tolist(), firsts, doubtful.tolist(), strict=True)
            if not doubt or unicodedata.category(self._text[place])[0] != "M"
        ]


def _character_ends(text: str, begin: int, limit: int) -> Iterator[int]:
    """The ends of the grapheme clusters after `begin`, up to `limit` at most.

    The text is looked at in short parts, each from the beginning of a cluster on: in a long row of flags
    the library counts back to its beginning for each of them.
    """
    size = CLUSTERS
    while begin < limit:
        last = begin + size >= limit + 1
        ends = [
            begin + found.end() for found in _GRAPHEME.finditer(text[begin : min(begin + size, limit + 1)])
        ]
        known = [end for end in ends if end <= limit] if last else ends[:-1]
        yield from known
        if last:
            return
        # The last of those may go on behind them.
        begin, size = (known[-1], CLUSTERS) if known else (begin, 2 * size)


def _nearest(places: list[int], wanted: int, least: int, most: int) -> int | None:
    """Of ascending places those from `least` to `most`, the one nearest to what is wanted."""
    low, high = bisect_left(places, least), bisect_right(places, most)
    if low >= high:
        return None
    at = bisect_left(places, wanted, low, high)
    near = places[max(low, at - 1) : min(high, at + 1)]
    return min(near, key=lambda place: abs(place - wanted))


def _with_long_ones_counted(text: str, starts: Array) -> Array:
    """The starts, with more of them in tokens longer than `LONGEST_TOKEN`, but none in white space."""
    starts = np.maximum.accumulate(np.asarray(starts, np.int64))
    starts = np.minimum(starts, max(len(text) - 1, 0))  # some tokenizers end a text with a token of nothing
    if not len(starts):
        return starts
    lengths = np.diff(starts, append=len(text))
    if lengths.max() <= LONGEST_TOKEN:
        return starts
    counts = np.maximum(1, -(-lengths // LONGEST_TOKEN))
    first = np.cumsum(counts) - counts
    within = np.arange(counts.sum()) - np.repeat(first, counts)
    more = np.repeat(starts, counts) + within * LONGEST_TOKEN
    kept = [not place or not text[start].isspace() for start, place in zip(more, within, strict=True)]
    found: Array = more[np.array(kept)]
    return found
