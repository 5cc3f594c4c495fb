"""Passages that disagree: what a claim rests on, and what another passage says instead."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tieback_contract.arrays import Span
from tieback_contract.claims import Citation, Conflict, ConflictingPlace
from tieback_contract.generation import Evidence

from tieback.core.language import sentence_of
from tieback.core.text.passage_units import in_bytes
from tieback.core.text.table_rows import cells
from tieback.core.text.visible import as_displayed
from tieback.grounding.differences import difference
from tieback.methods.grounding import Passage

# Rows of tables among sentences: which table a row is of, and what it is about.
#
# A row is about its first cell. Two rows with the same columns and another first cell are about two things:
# the capacity of a hall on Monday and on Friday. Rows of one table never disagree.
NAMED = re.compile(r"[-*+•]\s[^:;|\n]{1,80}:\s[^;\n]{1,300}(?:;\s[^:;|\n]{1,80}:\s[^;\n]{1,300})+\n?")
"""A row as those of delimited values and sheets are stored: "- day: Monday; capacity: 40"."""


class RowKey(NamedTuple):
    """The names of a row's columns, none where they are not known, and its first cell."""

    names: tuple[str, ...]
    first: str

    def is_of_two(self, other: RowKey) -> bool:
        """Tell whether both are rows with the same columns about two things."""
        return bool(self.names) and self.names == other.names and self.first != other.first


def row_key(passage: Passage, window: int, text: str) -> RowKey | None:
    """Key of what a sentence of a passage is about as a row; None where it is none."""
    if text.startswith("|"):
        begin, end = passage.windows[window]
        columns = _columns(passage.text).get((begin, end), ())
        return RowKey(columns, next(iter(cells(text)), ""))
    if NAMED.fullmatch(text):
        pairs = [part.partition(":") for part in text[1:].split(";")]
        return RowKey(tuple(name.strip() for name, _, _ in pairs), pairs[0][2].strip())
    return None


@lru_cache(64)
def _columns(text: str) -> Mapping[Span, tuple[str, ...]]:
    """The names of the columns of the rows of a text, by their bytes."""
    return {span: tuple(one.columns) for one, span in in_bytes(text) if one.columns}


MOST = 8
"""How many of the sentences nearest to one are compared with it."""

NEAR = 0.45
"""Their cosine from which on they are."""

LISTED = re.compile(r"(?:(?:[-*+•]|\d{1,3}[.)])\s+)?\[[^\[\]\n]{1,200}\]\([^()\s#]{0,500}#[^()\s]{1,200}\)")
"""An item of a table of contents: a link to a place on a page, and nothing else."""
LOGGED = re.compile(r"\[?\d{4}-\d\d-\d\d[ T]")
VARIABLE = re.compile(r"(?<!\w)(?:\w+_\w+|--[a-z][\w-]+|[^\W\d]\w*(?:\.[a-z]\w+){2,})")
"""Names of variables, options and settings."""

LONGEST = 600
"""Characters of a sentence that is compared."""


class Conflicts:
    """The conflicts of one answer; of two sentences each is told once.

    A passage that does not have a name of the `question`, neither in its text nor in its title, speaks of
    something else than one that has it: the median age of Kenya is not that of Brazil. Rows of one item are
    about two things, and so are rows with the same columns and another first cell (`grounding/conflicts.py`).
    """

    def __init__(
        self,
        sources: Sequence[Evidence],
        passages: Sequence[Passage],
        question: str = "",
    ) -> None:
        self._sources = sources
        self._passages = passages
        names = sentence_of(question).inner_capitals
        self._named = [
            names & sentence_of(f"{source.title} {passage.text}").words
            for source, passage in zip(sources, passages, strict=True)
        ]
        self._told: set[frozenset[tuple[int, int]]] = set()

    def of(self, claim_id: int, citations: Sequence[Citation]) -> list[Conflict]:
        """Those of the sentences that a claim rests on with sentences of other passages."""
        found: list[Conflict] = []
        for cited in citations:
            number = next(place for place, one in enumerate(self._sources) if one.id == cited.evidence_id)
            for window in self._windows(number, cited.span):
                found += self._with(claim_id, number, window)
        return found

    def _windows(self, number: int, span: Span | None) -> Iterator[int]:
        """The sentences that a citation is of."""
        for window, (begin, end) in enumerate(self._passages[number].windows):
            if span is not None and begin < span[1] and span[0] < end:
                yield window

    def _with(self, claim_id: int, number: int, window: int) -> Iterator[Conflict]:
        own = self._passages[number]
        text = _text(own, window)
        if len(text) > LONGEST or LISTED.fullmatch(text):
            return
        row = row_key(own, window, text)
        for place, other in self._nearest(number, window):
            pair = frozenset({(number, window), (place, other)})
            passage = self._passages[place]
            its = _text(passage, other)
            its_row = row_key(passage, other, its)
            is_row = row is not None or its_row is not None
            if pair in self._told or len(its) > LONGEST or (is_row and self._are_of_one(number, place)):
                continue
            if row is not None and its_row is not None and row.is_of_two(its_row):
                continue
            if LISTED.fullmatch(its) or _are_of_two_names(text, its):
                continue
            differs = difference(as_displayed(text), as_displayed(its))
            if differs is not None:
                self._told.add(pair)
                yield Conflict(
                    claim_id,
                    differs.kind,
                    place_of(self._sources[number], own, window, differs.one),
                    place_of(self._sources[place], passage, other, differs.other),
                )

    def _nearest(self, number: int, window: int) -> list[tuple[int, int]]:
        """The sentences of other passages, about the same names, that are nearest to one."""
        vector = self._passages[number].vectors[window]
        near = [
            (float(value), place, other)
            for place, passage in enumerate(self._passages)
            if place != number and self._named[place] == self._named[number]
            for other, value in enumerate(passage.vectors @ vector)
            if value >= NEAR
        ]
        return [(place, other) for _, place, other in heapq.nlargest(MOST, near)]

    def _are_of_one(self, number: int, other: int) -> bool:
        """Whether two passages are of one item."""
        one, its = self._sources[number], self._sources[other]
        return bool(one.item_id) and one.item_id == its.item_id


def _are_of_two_names(one: str, other: str) -> bool:
    """Whether both are lines of a log, which are of two moments, or each is of a variable of its own."""
    if LOGGED.match(one) and LOGGED.match(other):
        return True
    own, its = (frozenset(VARIABLE.findall(text)) for text in (one, other))
    return bool(own and its) and not own & its


def _text(passage: Passage, window: int) -> str:
    begin, end = passage.windows[window]
    return passage.text.encode()[begin:end].decode()


def place_of(source: Evidence, passage: Passage, window: int, differs: Span | None) -> ConflictingPlace:
    """A sentence of a passage, in which `differs`, as characters of what is displayed, is what it says."""
    begin, end = passage.windows[window]
    text = _text(passage, window)
    said = None
    if differs is not None and as_displayed(text) == text:
        first = begin + len(text[: differs[0]].encode())
        said = (first, first + len(text[slice(*differs)].encode()))
    return ConflictingPlace(source.id, source.item_id, source.section_id, (begin, end), said, text)
