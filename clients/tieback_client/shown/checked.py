"""Text that a person is told of a text that somebody else wrote, claim by claim."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tieback_contract.claims import Citation, Claim, VerdictLabel

from tieback_client.control_characters import in_a_line, printable
from tieback_client.shown.answers import ShownClaim
from tieback_client.shown.disagreements import ShownConflict, difference_of, of_conflict, runs_of
from tieback_client.shown.marks import MARKS, REASONS, legend, mark_of
from tieback_client.shown.passages import ShownPassage, of_evidence
from tieback_client.values.events import Checked

_COUNTED = {
    VerdictLabel.SUPPORTED: "supported",
    VerdictLabel.CONTRADICTED: "contradicted",
    VerdictLabel.UNSUPPORTED: "not supported",
    VerdictLabel.LOW_CONFIDENCE: "not sure",
    VerdictLabel.NOT_CHECKED: "not checked",
}


@dataclass(frozen=True, slots=True)
class ShownCheckedClaim:
    """A claim and the passages to read for it."""

    claim: ShownClaim
    """The claim with its mark."""
    passages: Sequence[ShownPassage]
    """Passages that support or contradict it; where none does, those that are nearest to it."""
    is_nearest: bool
    """True if the passage is only the nearest one."""
    reason: str
    """Why it was not checked; empty where it was."""


@dataclass(frozen=True, slots=True)
class ShownChecked:
    """All that a person is told of a checked text."""

    claims: Sequence[ShownCheckedClaim]
    """The claims, in order."""
    conflicts: Sequence[ShownConflict]
    """Passages that disagree."""
    summary: Sequence[tuple[str, str, int]]
    """Of each verdict that there is: its mark, its name, and how many claims have it."""
    legend: Sequence[str]
    """Lines that say what the marks that are there mean."""


def shown(checked: Checked) -> ShownChecked:
    """Text that a person is told of a checked text."""
    claims = [_claim(checked, one) for one in checked.claims]
    labels = [one.label for one in checked.verdicts.values()]
    summary = [(MARKS[one].sign, _COUNTED[one], labels.count(one)) for one in MARKS if one in labels]
    return ShownChecked(
        claims,
        [of_conflict(one) for one in checked.conflicts],
        summary,
        legend(one.claim.sign for one in claims),
    )


def _claim(checked: Checked, claim: Claim) -> ShownCheckedClaim:
    verdict = checked.verdicts.get(claim.id)
    citations = list(checked.citations_of(claim))
    nearest = verdict.nearest if verdict is not None and not citations else None
    if nearest is not None:
        citations = [nearest]
    elsewhere = verdict.compared if verdict is not None else None
    if elsewhere is not None and all(elsewhere.span != one.span for one in citations):
        of_it = (elsewhere.evidence_id, elsewhere.item_id, elsewhere.section_id, elsewhere.span)
        citations.append(Citation(claim.id, *of_it, support=0.0))
    cited: dict[str, list[Citation]] = {}
    for one in citations:
        cited.setdefault(one.evidence_id, []).append(one)
    known = {one.id: one for one in checked.evidence}
    passages = [of_evidence(known[name], own, claim.text) for name, own in cited.items() if name in known]
    mark = mark_of(verdict)
    runs, difference = runs_of(claim, verdict), difference_of(claim, verdict)
    told = ShownClaim(claim.id, claim.text, mark.sign, mark.words, mark.tone, list(cited), runs, difference)
    reason = REASONS.get(verdict.reason, "") if verdict is not None and verdict.reason is not None else ""
    return ShownCheckedClaim(told, passages, nearest is not None, reason)


GOOD = "good"


def shortfall(checked: Checked, *, least_share: float = 1.0) -> str:
    """Text for a person, with each claim that is not supported; empty where enough is.

    Enough is `least_share` of the claims that were decided. Where none was, nothing is known to be supported,
    which is enough for a `least_share` of 0 alone.
    """
    share = checked.supported_share
    if least_share <= 0 or (share is not None and share >= least_share - 1e-9):
        return ""
    told = shown(checked)
    return "\n".join([_heading(share, least_share), *_lines(told), "", *told.legend])


def _heading(share: float | None, least_share: float) -> str:
    if share is None:
        return "no claim of the text could be decided, so none is known to be supported"
    return f"{share:.0%} of the decided claims are supported, and {least_share:.0%} have to be"


def _lines(told: ShownChecked) -> Iterator[str]:
    for one in told.claims:
        if one.claim.tone != GOOD:
            yield from _unsupported(one)


def _unsupported(one: ShownCheckedClaim) -> Iterator[str]:
    yield f"  {one.claim.sign} {in_a_line(one.claim.text)}"
    for why in (one.claim.difference, one.reason):
        if why:
            yield f"      {in_a_line(why)}"
    for passage in one.passages:
        place = passage.place or passage.title or f"passage {passage.id}"
        nearest = "nearest, " if one.is_nearest else ""
        yield f"      {nearest}{place}: {in_a_line(printable(passage.text))}"
