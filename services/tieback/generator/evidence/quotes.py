"""An answer that quotes: the sentences of the evidence that answer the question best, word for word."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from tieback_contract.answers import AnswerStyle, Decision, Degraded, GenerationEvent, TextDelta
from tieback_contract.claims import Claim, QuestionFit, Verdict
from tieback_contract.field_path import at
from tieback_contract.generation import PLAIN_DECODING, Evidence, Grounding, SamplingParameters
from tieback_contract.method_choice import choice_of

from tieback.core.errors import EndpointMisconfigured, EndpointUnavailable, InvalidInput
from tieback.generator.evidence.passages import Place, ReadEvidence
from tieback.grounding import ClaimCheck, answering
from tieback.grounding.conflicts import LISTED
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
    plain = replace(DEFAULT_SAMPLING, strategy=PLAIN_DECODING)
    is_sampled = replace(sampling, stop=tuple(sampling.stop), strategy=sampling.decoding) != plain
    is_soft = choice_of(grounding.soft_prompt) is not None
    if asked is AnswerStyle.QUOTE and is_soft:
        raise InvalidInput(
            "a quote needs no soft prompt for a model; leave it out, or ask for the style write",
            field=at("grounding", "soft_prompt"),
        )
    if asked is AnswerStyle.QUOTE and is_sampled:
        raise InvalidInput(
            "a quote has no tokens to choose; leave sampling out, or ask for the style write",
            field="sampling",
        )
    if asked is not AnswerStyle.AUTO:
        return asked
    is_better = quotes is None or (quotes and evidence)
    return AnswerStyle.QUOTE if is_better and not is_sampled and not is_soft else AnswerStyle.WRITE


def chosen(question: str, evidence: ReadEvidence) -> list[Place]:
    """The sentences to quote: labels of what the question looks for, else those that answer it best."""
    return windows_that_answer(question, evidence.passages)[:MOST_QUOTES] or best(evidence)


def best(evidence: ReadEvidence) -> list[Place]:
    """The sentences to quote: those of a passage in their order, the passage of the best one first.

    The best are those that the judge finds to answer most likely. Where it reads no sentences, they are those
    that the question is aligned with best, or that bear on it most. A heading, a question, and what leads to
    something else are no answers.
    """
    values: Mapping[Place, float] = evidence.judgement.quotes or _values(evidence)
    every = sorted(values, key=lambda place: (-values[place], place))
    places = _told_once(evidence, [place for place in every if _states(evidence.text(*place))] or every)
    if not places:
        return []
    highest = values[places[0]]
    is_aligned = bool(evidence.aligned) and not evidence.judgement.quotes
    least = highest - BEHIND_THE_BEST if is_aligned else highest * LEAST_OF_BEST
    likely = [place for place in places if values[place] >= least]
    passages = list(dict.fromkeys(number for number, _ in likely))
    return sorted(likely, key=lambda place: (passages.index(place[0]), place[1]))


def _values(evidence: ReadEvidence) -> dict[Place, float]:
    """Alignments of the question with each sentence that was encoded, or relevances."""
    values = evidence.aligned or evidence.relevances
    found = {
        (number, window): float(value)
        for number, own in enumerate(values)
        for window, value in enumerate(own)
    }
    return {place: value for place, value in found.items() if evidence.was_encoded(*place)} or found


def _told_once(evidence: ReadEvidence, places: Sequence[Place]) -> list[Place]:
    """The first few places that say different things: a sentence may stand in several passages."""
    found: dict[str, Place] = {}
    for place in places:
        found.setdefault(" ".join(evidence.text(*place).split()), place)
        if len(found) == MOST_QUOTES:
            break
    return list(found.values())


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


Events = AsyncGenerator[GenerationEvent, None]


def may_quote(asked: AnswerStyle, model: str, sampling: SamplingParameters) -> bool:
    """Tell whether a request leaves open how it is answered: it names no model, and needs none."""
    needs_model = sampling.grammar is not None or sampling.log_probabilities is not None
    return asked is AnswerStyle.AUTO and not model and not needs_model


async def or_quotes(written: Events, quoted: Callable[[bool], Events], model: str) -> Events:
    """Events of what the model writes; of quotes, after a `Degraded`, where its endpoint does not answer.

    `quoted` is told whether it was decided about the question already. After the first text none is quoted.
    """
    is_decided = False
    try:
        async with aclosing(written) as events:
            async for event in events:
                is_decided |= isinstance(event, Decision)
                yield event
    except (EndpointUnavailable, EndpointMisconfigured) as error:
        yield Degraded(error.reason, f"{error.message}; the answer is quoted", model)
        async with aclosing(quoted(is_decided)) as events:
            async for event in events:
                yield event
