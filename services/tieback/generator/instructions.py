"""What is quoted where it is asked how something is done: commands before what is said about it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tieback.core.passage_units import Kind, Span, Unit, in_bytes
from tieback.core.types.arrays import Array
from tieback.generator.evidence import Place, ReadEvidence

BEHIND = 0.15
"""A command is quoted in place of a sentence whose alignment, a mean of cosines, is higher by so much at
most: code shares fewer words with a question than a sentence about it does."""
COMMAND = re.compile(r"`[^`\n]*[^\s`] [^\s`][^`\n]*`")
"""Words that are marked as code within a sentence, at least two: "`kettle boil`"."""
FAULTS = re.compile(
    r"\b(?:errors?|faults?|failures?|problems?|symptoms?|exceptions?|messages?|causes?|reasons?|status(?:es)?)\b",
    re.IGNORECASE,
)
"""Names of columns of a table of what goes wrong."""


def instructing(evidence: ReadEvidence, places: Sequence[Place], values: Sequence[Array]) -> list[Place]:
    """Of places, the best first: those with a command, where the best says something in words alone.

    Rows of a table of errors are left out where anything else is there.
    """
    parts = [_parts(evidence, number) for number in range(len(evidence.passages))]
    kept = [place for place in places if not _is_of_faults(_part(evidence, parts, place))]
    if not kept:
        return list(places)
    if not _is_in_words(evidence, parts, kept[0]):
        return kept
    best, window = kept[0]
    least = float(values[best][window]) - BEHIND
    near = [place for place in kept if float(values[place[0]][place[1]]) >= least]
    return [place for place in near if _has_command(evidence, parts, place)] or kept


def _parts(evidence: ReadEvidence, number: int) -> Mapping[Span, Unit]:
    passage = evidence.passages[number]
    return {span: unit for unit, span in in_bytes(passage.text, passage.title)}


def _part(evidence: ReadEvidence, parts: Sequence[Mapping[Span, Unit]], place: Place) -> Unit | None:
    number, window = place
    return parts[number].get(evidence.passages[number].windows[window])


def _is_of_faults(part: Unit | None) -> bool:
    return part is not None and part.kind is Kind.ROW and any(map(FAULTS.search, part.columns))


def _is_in_words(evidence: ReadEvidence, parts: Sequence[Mapping[Span, Unit]], place: Place) -> bool:
    part = _part(evidence, parts, place)
    is_prose = part is None or part.kind in (Kind.SENTENCE, Kind.ITEM)
    return is_prose and not _has_command(evidence, parts, place)


def _has_command(evidence: ReadEvidence, parts: Sequence[Mapping[Span, Unit]], place: Place) -> bool:
    part = _part(evidence, parts, place)
    if part is not None and part.kind is Kind.CODE:
        return True
    is_row = part is not None and part.kind in (Kind.ROW, Kind.LINE)
    return not is_row and COMMAND.search(evidence.text(*place)) is not None
