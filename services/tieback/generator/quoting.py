"""An answer that quotes: the sentences of the evidence that answer the question best, word for word."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace

from tieback.core.errors import InvalidInput
from tieback.core.field_path import at
from tieback.core.heading_path import last_of
from tieback.core.language import Sentence as Read
from tieback.core.questions import asks_for_number, asks_how_to, kind_of
from tieback.core.types.arrays import Array
from tieback.core.types.generation import (
    AnswerStyle,
    Claim,
    Evidence,
    GenerationEvent,
    Grounding,
    QuestionFit,
    SamplingParameters,
    TextDelta,
    Verdict,
)
from tieback.generator.evidence import Place, ReadEvidence, ranked
from tieback.generator.instructions import BEHIND, instructing
from tieback.grounding import ClaimCheck, answering
from tieback.grounding.conflicts import LISTED
from tieback.grounding.named import identifiers, says
from tieback.grounding.question_fit import fit_of, has_number
from tieback.methods.answerability import Judgement
from tieback.methods.grounding import Statement
from tieback.methods.grounding.labels import windows_that_answer
from tieback.ports import DEFAULT_SAMPLING

MOST_QUOTES = 2
LEAST_OF_BEST, BEHIND_THE_BEST = 0.75, 0.08
"""A second sentence is quoted if it is about as good as the best one: by this share of its relevance, or so
little behind its alignment, a mean of cosines. With alignments, quotes have the answer to 92 of 100 questions
of SQuAD 2.0, and 73 of Natural Questions (QED), in 1.2 and 1.4 sentences; the best one alone to 87 and 64."""


def style_of(
    asked: AnswerStyle,
    sampling: SamplingParameters,
    evidence: Sequence[Evidence],
    grounding: Grounding,
    *,
    quotes: bool | None,
) -> AnswerStyle:
    """QUOTE or WRITE. AUTO quotes where `quotes`, there is evidence, and nothing says how it is written.

    `quotes` is None where there is no model: AUTO quotes then without evidence too, which is abstained from.
    InvalidInput for a quote of which is said how its tokens are chosen.
    """
    is_sampled = replace(sampling, stop=tuple(sampling.stop)) != DEFAULT_SAMPLING
    read = {"context": bool(grounding.context), "demonstrations": bool(grounding.demonstrations)}
    for name in (name for name, is_asked in read.items() if is_asked and asked is AnswerStyle.QUOTE):
        raise InvalidInput(
            f"a quote needs no {name} for a model; leave it out, or ask for the style write",
            field=at("grounding", name),
        )
    if asked is AnswerStyle.QUOTE and is_sampled:
        raise InvalidInput(
            "a quote has no tokens to choose; leave sampling out, or ask for the style write",
            field="sampling",
        )
    if asked is not AnswerStyle.AUTO:
        return asked
    is_better = quotes is None or (quotes and evidence)
    return AnswerStyle.QUOTE if is_better and not is_sampled and not any(read.values()) else AnswerStyle.WRITE


def chosen(question: str, evidence: ReadEvidence) -> list[Place]:
    """The sentences to quote: labels of what the question looks for, else those that answer it best."""
    return windows_that_answer(question, evidence.passages)[:MOST_QUOTES] or best(evidence)


def best(evidence: ReadEvidence) -> list[Place]:
    """The sentences to quote: those of a passage in their order, the passage of the best one first.

    A sentence that has an identifier of the question ("10:05", "E0277"), or stands under it, is before one
    that has none, and of these a row or an item that begins with it, as where a setting is defined. One with
    a number is before one that is as good, where a number is asked for, and one with a command where it is
    asked how something is done. What only repeats the question is last, and entries of a list of changes are
    behind others that are nearly as good, where no change is asked for.
    """
    values = evidence.aligned or evidence.relevances
    every = ranked(values)
    places = [place for place in every if evidence.was_encoded(*place)] or every
    stating = [place for place in places if _states(evidence.text(*place))]
    asked = evidence.asked.text
    stating = [one for one in stating if not _repeats(asked, evidence.text(*one))] or stating
    stating = _before_changes(evidence, _with_identifiers(evidence, stating), values)
    stating = _defining(evidence, stating, values)
    if stating and asks_how_to(asked):
        stating = instructing(evidence, stating, values)
    elif stating and asks_for_number(asked):
        stating = _with_a_number(evidence, stating, values)
    places = _told_once(evidence, stating or places)
    if not places:
        return []
    highest = float(values[places[0][0]][places[0][1]])
    least = highest - BEHIND_THE_BEST if evidence.aligned else highest * LEAST_OF_BEST
    chosen = [(number, window) for number, window in places if values[number][window] >= least]
    chosen = _rows_of_what_is_asked(evidence, chosen)
    passages = list(dict.fromkeys(number for number, _ in chosen))
    return sorted(chosen, key=lambda place: (passages.index(place[0]), place[1]))


def _repeats(question: str, text: str) -> bool:
    """Whether a text says nothing that the question does not: "$ kettle boil" to "What does kettle boil do?".

    Not of rows, and where it is asked how something is done: options and commands are named for what they do.
    To words that ask nothing, what has all of them is the best that there is.
    """
    if asks_how_to(question) or "|" in text or kind_of(question) in ("polar", "other"):
        return False
    return fit_of(question, text) is QuestionFit.ECHO


def _told_once(evidence: ReadEvidence, places: Sequence[Place]) -> list[Place]:
    """The first few places that say different things: a sentence may stand in several passages."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(" ".join(evidence.text(*place).split()), place)
        if len(found) == MOST_QUOTES:
            break
    return list(found.values())


def _rows_of_what_is_asked(evidence: ReadEvidence, places: list[Place]) -> list[Place]:
    """Without the rows of a table that have fewer words of the question than the best one, and no others.

    "The price of the plan Plus" is not in the row of Premium, which is otherwise as near.
    """
    asked = Read(evidence.asked.text).content
    number, _ = places[0]
    first = evidence.text(*places[0])
    own = asked & Read(first).words
    return [places[0]] + [
        place
        for place in places[1:]
        if not (place[0] == number and _is_row(first) and _is_row(text := evidence.text(*place)))
        or not asked & Read(text).words < own
    ]


def _is_row(text: str) -> bool:
    return text.lstrip()[:3].lower().startswith(("|", "<tr"))


def _with_identifiers(evidence: ReadEvidence, places: Sequence[Place]) -> list[Place]:
    """Of the places, those with most of the identifiers of the question; all where none has one."""
    asked = identifiers(evidence.asked.text)
    if not asked:
        return list(places)
    counts = [
        sum(says(one, f"{evidence.passages[place[0]].title} {evidence.text(*place)}") for one in asked)
        for place in places
    ]
    return [place for place, count in zip(places, counts, strict=True) if count == max(counts)]


def _before_changes(evidence: ReadEvidence, places: Sequence[Place], values: Sequence[Array]) -> list[Place]:
    """Without entries of a list of changes where no change is asked for, and another is nearly as good."""
    if ABOUT_CHANGES.search(evidence.asked.text):
        return list(places)
    others = [place for place in places if not _is_of_changes(evidence, place)]
    if not others:
        return list(places)
    (best, window), (number, other) = places[0], others[0]
    return others if values[number][other] >= values[best][window] - BEHIND else list(places)


def _is_of_changes(evidence: ReadEvidence, place: Place) -> bool:
    """Whether it is an entry of a list of changes, by what it refers to or by the version it stands under."""
    heading = last_of(evidence.passages[place[0]].title)
    return CHANGE.search(evidence.text(*place)) is not None or A_VERSION.fullmatch(heading) is not None


def _defining(evidence: ReadEvidence, places: Sequence[Place], values: Sequence[Array]) -> list[Place]:
    """Of the places, those that begin with an identifier of the question and are about as good as the best:
    in a row or an item that begins with it, a setting is defined. All where there are none.
    """
    asked = identifiers(evidence.asked.text)
    if not asked or not places:
        return list(places)
    best, window = places[0]
    least = float(values[best][window]) - BEHIND_THE_BEST
    near = [place for place in places if float(values[place[0]][place[1]]) >= least]
    firsts = {place: FIRST_WORD.match(evidence.text(*place)) for place in near}
    found = [place for place, first in firsts.items() if first and any(says(one, first[1]) for one in asked)]
    return found or list(places)


def _with_a_number(evidence: ReadEvidence, places: Sequence[Place], values: Sequence[Array]) -> list[Place]:
    """Of the places, those with a number that are about as good as the best; all where there are none."""
    asked = evidence.asked.text
    least = float(values[places[0][0]][places[0][1]]) - BEHIND_THE_BEST
    near = [place for place in places if float(values[place[0]][place[1]]) >= least]
    return [place for place in near if has_number(asked, evidence.text(*place))] or list(places)


FIRST_WORD = re.compile(r"[\s|*+\-•`]*(?:<[^<>]*>)*([^\s|`<]+)`?(?:\s*[|:(=<–-]|\s*$)")
"""The first word of a row or an item, where a mark is between it and the next."""

CHANGE = re.compile(r"\(#\d+\)|/(?:pull|issues|merge_requests)/\d+\b")
"""In an entry of a list of changes."""

A_VERSION = re.compile(
    r"\[?(?:(?:release|version)\s+)?v?(?:\d+(?:[.-]\w+)+|\d{8})\]?(?:\s*[-–(:]\s*[\w ,./-]{1,30}\)?)?",
    re.IGNORECASE,
)
"""A heading that is a version, with its date or without."""

ABOUT_CHANGES = re.compile(
    r"\b(?:version|release|change|fix|add|remov|introduc|new|bug|deprecat|break|broke|since|when)\w*",
    re.IGNORECASE,
)

HEADING = re.compile(r"[^\n]+\n\s*(?:={3,}|-{3,}|~{3,})\s*\Z|#{1,6}\s[^\n]*\Z")
"""A line that is underlined in a plain text, or marked as in Markdown: it names what follows."""

_UNSEEN = re.compile(r"<!--[^<>]*-->")
"""A remark in a page, which a reader does not see."""


def _states(text: str) -> bool:
    """Whether a sentence states something: it asks nothing, leads to nothing else, and is no heading, nor an
    item of a table of contents.
    """
    bare = _UNSEEN.sub("", text).strip()
    return (
        bool(bare)
        and not text.endswith(("?", ":"))
        and not (HEADING.fullmatch(bare) or LISTED.fullmatch(bare))
    )


async def quoted(
    question: str, evidence: ReadEvidence, check: ClaimCheck, places: Sequence[Place]
) -> AsyncGenerator[GenerationEvent, None]:
    """The sentences that were chosen, with a claim, its citations and its verdict each.

    That a passage says them is no reason to take them for the answer: they are as surely one as the judge
    finds, and surely where a label names what the question looks for.
    """
    judgement = evidence.judgement
    labelled = windows_that_answer(question, evidence.passages)[:MOST_QUOTES]
    size, told = 0, ""
    for number, place in enumerate(places, 1):
        text, over = evidence.text(*place), evidence.told.get(place, "")
        is_row = over.endswith("\n")
        before = ("\n" if is_row else " ") * (number > 1) + over * (over != told)
        told = over
        yield TextDelta(f"{before}{text}")
        begin = size + len(before.encode())
        size = begin + len(text.encode())
        claim = Claim(number, (begin, size), text)
        yield claim
        found = await check.check(claim, Statement(text, evidence.vector(*place)))
        fit = QuestionFit.ANSWERS if labelled else _fit_by(judgement, place)
        for event in answering(question, claim, found, over):
            yield _as_sure(event, fit)


def without_unsure(places: Sequence[Place], judgement: Judgement) -> list[Place]:
    """The quotes, but those that the judge is unsure of where it is not of another one."""
    sure = [place for place in places if _fit_by(judgement, place) is not QuestionFit.UNSURE]
    return sure or list(places)


def _fit_by(judgement: Judgement, place: Place) -> QuestionFit:
    """How sure the judge is that a quote answers."""
    score = judgement.quotes.get(place, float(judgement.scores[place[0]]))
    if score >= judgement.certain:
        return QuestionFit.ANSWERS
    return QuestionFit.LIKELY if score >= judgement.likely else QuestionFit.UNSURE


def _as_sure(event: GenerationEvent, fit: QuestionFit) -> GenerationEvent:
    """A verdict that says of an answer how sure that is; other events as they are."""
    if isinstance(event, Verdict) and event.answers_question is QuestionFit.ANSWERS:
        return replace(event, answers_question=fit)
    return event
