"""Text that a person is told of an answer: the one function that every door shows answers by.

A quote is never marked as if it were checked: it has a level, which says whether it is shown as the answer. A
claim that was written has the mark of its verdict. What was withdrawn has no marks.
"""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tieback_contract.answers import AbstentionReason, AnswerAction, AnswerStyle
from tieback_contract.claims import Citation, Claim, QuestionFit, Repaired
from tieback_contract.hits import RetrievedHit

from tieback_client.control_characters import in_a_line, printable
from tieback_client.shown.disagreements import ShownConflict, difference_of, of_conflict, runs_of
from tieback_client.shown.excerpts import Run, readable, stands_in_code
from tieback_client.shown.marks import LEVELS, MARKS, OTHER_LANGUAGE, Level, legend, level_of, mark_of
from tieback_client.shown.passages import ShownPassage, of_hit, of_quote
from tieback_client.shown.titles import told_apart
from tieback_client.values.events import Answer

PASSAGES = 3
"""Passages that are shown where none is cited."""
WITHDRAWN = "Written and withdrawn; do not rely on it:"
_NEAREST = frozenset({AbstentionReason.WEAK_EVIDENCE, AbstentionReason.NO_ANSWER, AbstentionReason.NOT_NAMED})


class ShownAs(enum.StrEnum):
    """Form of what is shown."""

    PENDING = "pending"
    """An answer whose end was not read yet."""
    QUOTED = "quoted"
    """Words of passages. `ShownAnswer.level` says whether they are shown as the answer."""
    WRITTEN = "written"
    """Text that a language model wrote, with a mark for each claim."""
    ITEM = "item"
    """The item itself, which is asked for."""
    NOTHING = "nothing"
    """No answer: the heading says why."""


@dataclass(frozen=True, slots=True)
class ShownClaim:
    """A claim within an answer, or one that was left out of it."""

    claim_id: int
    """The claim; 0 for one that was left out."""
    text: str
    """Its words, as they are read."""
    sign: str
    """The mark of its verdict; empty for a quote, which was not checked."""
    words: str
    """The mark in words; empty for a quote."""
    tone: str
    """The colour: "good", "bad", "open", "none", and "quote" for a quote."""
    sources: Sequence[str] = ()
    """The numbers of the passages that it rests on; with nothing to rest on, of the nearest one."""
    runs: Sequence[Run] = ()
    """Its words in parts, with those marked that the passages do not have or say otherwise. None of a quote.
    """
    difference: str = ""
    """One sentence on what disagrees; empty where nothing was found."""


@dataclass(frozen=True, slots=True)
class ShownPart:
    """A part of an answer's text."""

    text: str
    """The text between two claims; empty where this is a claim."""
    claim: ShownClaim | None = None
    """The claim."""


@dataclass(frozen=True, slots=True)
class ShownRepair:
    """A claim that was written and is not in the answer."""

    heading: str
    """Words that say what was done."""
    claim: ShownClaim
    """The claim."""
    instead: str
    """Text that stands in its place; empty where nothing does."""


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """All that a person is told of an answer."""

    kind: ShownAs
    """The form of what is shown."""
    level: Level | None
    """Of a quote, whether it is shown as the answer."""
    heading: str
    """Text that is told before everything else; empty where the answer comes first."""
    parts: Sequence[ShownPart]
    """The text that is shown as the answer; none where a quote is only marked in its passage."""
    note: str
    """Advice on what to do with it."""
    passages_heading: str
    """Words that say what the passages are."""
    passages: Sequence[ShownPassage]
    """The passages, with the cited sentences marked."""
    conflicts: Sequence[ShownConflict]
    """Passages that disagree."""
    repairs: Sequence[ShownRepair]
    """Claims that were written and left out."""
    withdrawn_heading: str
    """That something was withdrawn."""
    withdrawn: str
    """Text that was written and withdrawn; it has no marks."""
    legend: Sequence[str]
    """Lines that say what the marks that are there mean."""
    notices: Sequence[str] = ()
    """Text that is told first: the question as it was searched for, what does not answer, and that a level is
    less sure in another language than English."""

    @property
    def answer(self) -> str:
        """The text that is shown as the answer, with marks and numbers; empty where none is."""
        return "".join(part.text if part.claim is None else told(part.claim) for part in self.parts).strip()

    def __str__(self) -> str:
        """All of it as text, as a terminal without colours shows it."""
        disagreeing = [
            "\n".join(
                [
                    one.heading,
                    *(f"  [{name}] {''.join(run.text for run in runs)}" for name, runs in one.places),
                ]
            )
            for one in self.conflicts
        ]
        top = [
            *self.notices,
            self.heading,
            self.answer,
            self.note,
            f"{self.withdrawn_heading} {self.withdrawn}".strip(),
            *self.differences,
        ]
        parts = [
            "\n".join(filter(None, top)),
            "\n".join(filter(None, [self.passages_heading, *map(str, self.passages)])),
        ]
        return printable("\n\n".join(filter(None, [*parts, *disagreeing, "\n".join(self.legend)])))

    @property
    def differences(self) -> Sequence[str]:
        """In what claims and passages disagree, a line for each with the claim's mark."""
        claims = [part.claim for part in self.parts if part.claim is not None]
        return [f"{one.sign} {one.difference}" for one in claims if one.difference]

    @property
    def instead(self) -> str:
        """Text for clients that show text alone, in place of a quote that is not shown as the answer: what to
        do, and the passages. Empty where the text of the answer is shown.
        """
        if self.kind is not ShownAs.QUOTED or self.level is Level.QUOTE:
            return ""
        return "\n\n".join([self.heading, *map(str, self.passages)])


def told(claim: ShownClaim) -> str:
    """A claim with its mark and the numbers of its passages; a quote in quotation marks."""
    text = f"“{claim.text}”" if claim.tone == "quote" else claim.text
    return text + behind(claim)


def behind(claim: ShownClaim) -> str:
    """The mark of a claim and the numbers of its passages."""
    end = claim.sign + "".join(f"[{one}]" for one in claim.sources)
    return f" {end}" if end else ""


def shown(answer: Answer) -> ShownAnswer:
    """Text that a person is told of an answer, or of what was read of it."""
    kind = _kind(answer)
    level = level_of(_fit(answer, one) for one in answer.claims) if kind is ShownAs.QUOTED else None
    claims = [] if kind is ShownAs.NOTHING else _claims(answer, level)
    # Of a quote that has no level yet nobody knows whether it is the answer.
    is_unknown = kind is ShownAs.PENDING and answer.is_quoted
    is_hidden = kind is ShownAs.NOTHING or is_unknown or level in (Level.PASSAGE, Level.PASSAGES)
    parts = [] if is_hidden else _parts(answer, claims)
    repairs = [_repair(answer, one) for one in answer.repaired]
    signs = [one.sign for one in (*(part.claim for part in parts), *(each.claim for each in repairs)) if one]
    heading, note = _words(answer, kind, level)
    is_ended = kind is not ShownAs.PENDING
    passages_heading, passages = _passages(answer, claims, level) if is_ended else ("", [])
    return ShownAnswer(
        kind=kind,
        level=level,
        heading=heading,
        parts=parts,
        note=note,
        passages_heading=passages_heading,
        passages=passages,
        conflicts=[of_conflict(one) for one in answer.conflicts] if is_ended else [],
        repairs=repairs,
        withdrawn_heading=WITHDRAWN if kind is ShownAs.NOTHING and answer.text else "",
        withdrawn=answer.text.strip() if kind is ShownAs.NOTHING else "",
        legend=legend(signs),
        notices=_notices(answer, kind),
    )


def _notices(answer: Answer, kind: ShownAs) -> list[str]:
    found = [f"Searched for: {in_a_line(answer.rewritten)}"] if answer.rewritten else []
    if answer.degraded is not None:
        message = in_a_line(answer.degraded.message)
        found.append(f"{message[:1].upper()}{message[1:]}.")
    if kind is ShownAs.QUOTED and any(one.other_language for one in answer.verdicts.values()):
        found.append(OTHER_LANGUAGE)
    return found


def is_quoted(answer: Answer) -> bool:
    """Tell whether it is made of quotes."""
    return answer.is_quoted if answer.finish is None else answer.finish.style is AnswerStyle.QUOTE


def passages_of(answer: Answer) -> dict[str, RetrievedHit]:
    """Passages that the answer may rest on, by source number; of a document, its second section too."""
    hits = answer.retrieval.hits if answer.retrieval else []
    named = {str(number): found for number, found in enumerate(hits, 1)}
    beside = {f"{name}.2": one for name, found in named.items() for one in found.sections[:1]}
    return named | beside


def _kind(answer: Answer) -> ShownAs:
    if answer.decision is not None and answer.decision.action is AnswerAction.ITEM:
        return ShownAs.ITEM
    if answer.abstention is not None:
        return ShownAs.NOTHING
    if answer.finish is None:
        return ShownAs.PENDING
    return ShownAs.QUOTED if is_quoted(answer) else ShownAs.WRITTEN


def _fit(answer: Answer, claim: Claim) -> QuestionFit | None:
    verdict = answer.verdicts.get(claim.id)
    return None if verdict is None else verdict.answers_question


def _claims(answer: Answer, level: Level | None) -> list[Claim]:
    """The claims in the order of the text; of quotes those of the answer's level."""
    ordered = sorted(answer.claims, key=lambda one: one.span[1])
    return [one for one in ordered if level is None or level_of([_fit(answer, one)]) is level]


def _parts(answer: Answer, claims: Sequence[Claim]) -> list[ShownPart]:
    """The text of an answer, cut at its claims; without what leads to a quote that is not shown."""
    whole, quoted = answer.text.encode(), is_quoted(answer)
    parts: list[ShownPart] = []
    at = 0
    for claim in sorted(answer.claims, key=lambda one: one.span[1]):
        begin, end = claim.span
        before, said = (whole[a:b].decode(errors="replace") for a, b in ((at, begin), (begin, end)))
        at = end
        if claim not in claims:
            continue
        if quoted:
            before, said = readable(before, said, is_code=_is_of_code(answer, claim))
        before = before if parts else before.lstrip()
        parts += [ShownPart(before)] if before else []
        parts.append(ShownPart("", _claim(answer, claim, said, quoted=quoted)))
    rest = whole[at:].decode(errors="replace")
    return [*parts, ShownPart(rest)] if rest else parts


def _claim(answer: Answer, claim: Claim, said: str, *, quoted: bool) -> ShownClaim:
    sources = list(dict.fromkeys(one.evidence_id for one in _places(answer, claim)))
    if quoted:
        return ShownClaim(claim.id, said, "", "", "quote", sources)
    verdict = answer.verdicts.get(claim.id)
    mark, runs = mark_of(verdict), runs_of(claim, verdict)
    return ShownClaim(
        claim.id, said, mark.sign, mark.words, mark.tone, sources, runs, difference_of(claim, verdict)
    )


def _places(answer: Answer, claim: Claim) -> Sequence[Citation]:
    """Citations that a claim rests on; where it rests on nothing, those that are nearest to it."""
    verdict = answer.verdicts.get(claim.id)
    nearest = verdict.nearest if verdict is not None else None
    return answer.citations_of(claim) or ([nearest] if nearest is not None else [])


def _is_of_code(answer: Answer, claim: Claim) -> bool:
    """Tell whether what is quoted is a part of code, whose fences are not quoted."""
    passages = passages_of(answer)
    places = [(passages.get(one.evidence_id), one.span) for one in answer.citations_of(claim)]
    return any(found and span and stands_in_code(found.hit.text, span[0]) for found, span in places)


def _repair(answer: Answer, one: Repaired) -> ShownRepair:
    mark = MARKS[one.label]
    instead = answer.text.encode()[slice(*one.span)].decode(errors="replace").strip()
    heading = "Written again:" if instead else "Left out:"
    return ShownRepair(heading, ShownClaim(0, one.text.strip(), mark.sign, mark.words, mark.tone), instead)


def _words(answer: Answer, kind: ShownAs, level: Level | None) -> tuple[str, str]:
    """The heading, and what to do."""
    if kind is ShownAs.ITEM:
        return f"The item itself is what you ask for: {_asked_for(answer)}", ""
    if answer.abstention is not None:
        message = answer.abstention.message
        has_passages = answer.abstention.reason in _NEAREST and bool(passages_of(answer))
        note = "Read the nearest passages, or ask in other words." if has_passages else ""
        return f"No answer. {message[:1].upper()}{message[1:]}", note
    return (LEVELS[level].heading, LEVELS[level].note) if level is not None else ("", "")


def _asked_for(answer: Answer) -> str:
    """The title of the item that was decided on, or its id."""
    wanted = answer.decision.item_id if answer.decision is not None else ""
    titles = [one.hit.item_title for one in passages_of(answer).values() if one.hit.item_id == wanted]
    return in_a_line(next(filter(None, titles), "") or wanted)


def _passages(answer: Answer, claims: Sequence[Claim], level: Level | None) -> tuple[str, list[ShownPassage]]:
    """The passages with what is cited of each marked; the nearest ones where nothing is cited. At the lowest
    level none has a mark, which would be taken for an answer, and they are in the order that they were found.
    """
    known = passages_of(answer)
    cited: dict[str, list[Citation]] = {}
    quotes: dict[str, str] = {}
    for claim in claims:
        for one in _places(answer, claim):
            cited.setdefault(one.evidence_id, []).append(one)
            quotes.setdefault(one.evidence_id, claim.text)
    names = list(cited)
    is_marked = level is not Level.PASSAGES
    if level is Level.PASSAGES or not names:
        nearest = (name for name in known if name not in names and "." not in name)
        names += itertools.islice(nearest, max(0, PASSAGES - len(names)))
    if level is Level.PASSAGES:
        places = {name: place for place, name in enumerate(known)}
        names.sort(key=lambda name: (places.get(name.partition(".")[0], len(places)), name))
    found = [
        of_hit(name, known[name].hit, cited.get(name, ()) if is_marked else (), answer.question)
        if name in known
        else of_quote(cited[name][0], readable("", quotes[name])[1] if is_marked else "")
        for name in names
        if name in known or level is not None
    ]
    titles = told_apart([(one.title, one.item_id) for one in found])
    found = [replace(one, title=in_a_line(title)) for one, title in zip(found, titles, strict=True)]
    if not found or level in (Level.PASSAGE, Level.PASSAGES):
        return "", found
    if any(answer.citations_of(claim) for claim in claims):
        return "Sources", found
    return ("Nearest passages" if cited or answer.abstention is not None else "Passages read"), found
