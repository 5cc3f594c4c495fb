"""In what a claim and the passages disagree, as it is shown: the marked words, and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tieback_contract.claims import Claim, Conflict, ConflictingPlace, ConflictKind, Disagreement, Verdict

from tieback_client.control_characters import in_a_line
from tieback_client.shown.excerpts import Run

MOST = 5
"""Marked parts of a claim that are named."""

_DIFFERS: Mapping[Disagreement, str] = {
    Disagreement.NUMBER: "number differs",
    Disagreement.DATE: "date differs",
    Disagreement.NAME: "name differs",
}


def runs_of(claim: Claim, verdict: Verdict | None) -> Sequence[Run]:
    """A claim in parts, with the words marked that the passages do not have or say otherwise."""
    text, first = claim.text.encode(), claim.span[0]
    runs: list[Run] = []
    at = 0
    for begin, end in ((one - first, other - first) for one, other in (verdict.marked if verdict else ())):
        if not at <= begin < end <= len(text):
            continue  # no span of the claim
        runs.append(Run(text[at:begin].decode(errors="replace"), is_marked=False))
        runs.append(Run(text[begin:end].decode(errors="replace"), is_marked=True))
        at = end
    runs.append(Run(text[at:].decode(errors="replace"), is_marked=False))
    return [run for run in runs if run.text]


def difference_of(claim: Claim, verdict: Verdict | None) -> str:
    """One sentence on what disagrees; empty where nothing was found."""
    if verdict is None or not (verdict.marked or verdict.disagreement):
        return ""
    marked = [f"“{in_a_line(run.text)}”" for run in runs_of(claim, verdict) if run.is_marked]
    words = ", ".join(marked[:MOST]) + " …" * (len(marked) > MOST)
    kind, compared = verdict.disagreement, verdict.compared
    if kind is Disagreement.NOT_MENTIONED:
        return f"no passage mentions {words}" if words else ""
    where = f"[{in_a_line(compared.evidence_id)}]" if compared is not None else "a passage"
    said = f"“{in_a_line(compared.said)}”" if compared is not None and compared.said else ""
    if kind is Disagreement.NEGATION:
        sides = (said, where, "the text") if said else (words, "the text", where)
        return "negation differs: {} in {}, not in {}".format(*sides)
    if kind is not None and kind in _DIFFERS:
        return f"{_DIFFERS[kind]}: {words} in the text, {said or 'another one'} in {where}"
    if kind is Disagreement.OTHER_SOURCE:
        return f"only said elsewhere, in {where}: {words}"
    if kind is Disagreement.STATEMENT:
        return f"{where} says otherwise in other words"
    return f"in doubt: {words}"


_KINDS = {
    ConflictKind.NUMBER: "another number",
    ConflictKind.DATE: "another date",
    ConflictKind.NAME: "another name",
    ConflictKind.NEGATION: "one says so, the other says not",
    ConflictKind.STATEMENT: "in other words",
}


@dataclass(frozen=True, slots=True)
class ShownConflict:
    """Two sentences of passages that disagree."""

    heading: str
    """That they disagree, and in what."""
    places: Sequence[tuple[str, Sequence[Run]]]
    """Of each the number of its passage, and the sentence; what it says differently is marked."""


def of_conflict(one: Conflict) -> ShownConflict:
    """A conflict for people."""
    places = [(place.evidence_id, _runs(place)) for place in (one.cited, one.other)]
    return ShownConflict(f"The sources disagree ({_KINDS[one.kind]}). Read both.", places)


def _runs(place: ConflictingPlace) -> list[Run]:
    whole = place.text.encode()
    begin, end = (byte - place.span[0] for byte in place.differs or (place.span[1], place.span[1]))
    parts = (whole[:begin], whole[begin:end], whole[end:])
    texts = [in_a_line(part.decode(errors="replace")) for part in parts]
    return [Run(text, is_marked=number == 1) for number, text in enumerate(texts) if text]
