"""Reads a request's passages for a question, and has it judged whether they answer it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from tieback_contract.generation import Evidence

from tieback.batching.lane import Lane, LanePlace
from tieback.core.call import begun
from tieback.core.deadline import Deadline
from tieback.core.language import sentence_of
from tieback.core.text.passage_units import BETWEEN, Kind, Unit, in_bytes
from tieback.core.text.questions import has_expected, kind_of
from tieback.core.text.visible import as_displayed
from tieback.generator.evidence.answerability import Judge
from tieback.generator.evidence.passages import ReadEvidence
from tieback.generator.evidence.quotes import chosen
from tieback.grounding import EncodedPassages, PassageReader
from tieback.grounding.named import unnamed
from tieback.grounding.reading_lane import tokens_of
from tieback.methods.answerability import Judgement
from tieback.methods.answerability.question_alignment import alignment
from tieback.methods.answerability.relevance import window_relevance
from tieback.methods.grounding import Passage, Statement, words_of

# What stands above a quote and is told with it: headings, the sentence that leads to it, names of columns.
#
# "Fixed a crash" under "Version 2.1 (2024-03-02)" answers when that was, and "30 s" in a table says nothing
# without the names of its columns. They are no part of the quote, and are told where the question asks for
# what they say and the quote does not. "This endpoint" says nothing without the code before it, of which it
# is said.
UNDERLINE = re.compile(r" (?:={3,}|-{3,}|~{3,})")
"""Under a line of a plain text that leads to others."""
THIS = re.compile(r"(?:This|These|The above)\s+(\w+)")
LONGEST_CODE = 120
"""Characters of code that is told before what speaks of it."""
LEAST_ASKED = 1 / 3
"""The share of the words of a heading that the question has and the quote lacks: a long title shares a word
with many questions."""
DATED = ("number", "when")
"""Kinds of questions to which a heading alone can be the answer, as that of a version with its date."""


def above(question: str, passage: Passage, window: int) -> str:
    """What is told before a window of a passage; empty where it is understood alone."""
    span = passage.windows[window]
    parts = list(in_bytes(passage.text, passage.title))
    place = next((number for number, (_, given) in enumerate(parts) if given == span), None)
    quote = passage.text.encode()[slice(*span)].decode()
    if place is None:
        return ""
    own = parts[place][0]
    asked, said, told = as_displayed(question), as_displayed(quote), []
    for part in (*passage.title.split(BETWEEN), UNDERLINE.sub("", " ".join(own.lead.split()))):
        if part and part not in " ".join(quote.split()) and _is_asked_for(asked, said, as_displayed(part)):
            told.append(part.rstrip(": "))
            said += f" {part}"
    if place and (code := _spoken_of(asked, quote, parts[place - 1][0], passage.text)):
        told.append(code)
    end = " " if told and told[-1].endswith("?") else ": "
    headings = f"{BETWEEN.join(told)}{end}" if told else ""
    columns = " | ".join(own.columns) if any(own.columns) else ""
    return f"{headings.rstrip()}\n{columns}\n".lstrip() if columns else headings


def _spoken_of(question: str, quote: str, before: Unit, text: str) -> str:
    """The short code before a quote that says "this endpoint" of it, where the question asks which it is."""
    this, (begin, end) = THIS.match(quote), before.span
    if this is None or before.kind is not Kind.CODE or end - begin > LONGEST_CODE:
        return ""
    is_asked = bool({*sentence_of(this[1]).stems} & {*sentence_of(question).stems})
    return f"`{' '.join(text[begin:end].split())}`" if is_asked else ""


def _is_asked_for(question: str, said: str, part: str) -> bool:
    """Whether much of it is asked for and was not said, or a time or number where one is asked for."""
    asked, told, new = map(sentence_of, (question, said, part))
    if {*asked.numbers} & {*new.numbers} - {*told.numbers}:
        return True
    if len({*asked.stems} & {*new.stems} - {*told.stems}) >= max(1, LEAST_ASKED * len({*new.stems})):
        return True
    kind = kind_of(question)
    return kind in DATED and has_expected(kind, asked, new) and not has_expected(kind, asked, told)


BESIDE = 2.5
"""Tokens that are read, of each of a passage: a sentence is read with the question, its headings and the end
of the one before."""

MOST_OF_A_QUESTION = 2500
"""Tokens that are read with a question, at most."""

READING_SHARE = 0.7
"""Of the time until the deadline, so much may go by until the evidence was read: what is quoted is encoded
and checked after that."""

READ_TOGETHER = 8
"""Sentences that are read with a question without a pause, some milliseconds each."""

FIRST = 6
"""Sentences that are encoded of what is quoted from: those that most likely answer. Passages that disagree
are compared by them."""


async def read_evidence(
    reader: PassageReader,
    question: str,
    evidence: Sequence[Evidence],
    judge: Judge,
    deadline: Deadline,
    lane: Lane,
    *,
    first: int = 0,
) -> ReadEvidence:
    """Reads passages, and how they bear on a question, by a network on the `lane`.

    With `first`, no more than so many sentences are encoded, those that most likely answer, where the judge
    reads sentences itself. InvalidInput where there is too much to read, Overloaded where too much waits.
    """
    if not judge.reads_quotes:
        return await _read_evidence(reader, question, evidence, judge, deadline, None, first)
    size = min(int(BESIDE * tokens_of(*(one.text for one in evidence))), MOST_OF_A_QUESTION)
    with lane.place(size, deadline.within(READING_SHARE * deadline.remaining())) as place:
        return await _read_evidence(reader, question, evidence, judge, deadline, place, first)


async def _read_evidence(
    reader: PassageReader,
    question: str,
    evidence: Sequence[Evidence],
    judge: Judge,
    deadline: Deadline,
    place: LanePlace | None,
    first: int,
) -> ReadEvidence:
    cut = await reader.cut(evidence, deadline)
    missing = await asyncio.to_thread(unnamed, question, [_words(one) for one in evidence])
    is_quoted = bool(first) and judge.reads_quotes and not any(one.segments for one in evidence)
    if not is_quoted:
        texts = [question, *cut.texts]
        asked, *sentences = await reader.statements(texts, deadline, tokens=judge.is_learned)
        encoded = EncodedPassages(cut, len(asked.vector))
        encoded.add(dict(enumerate(sentences)))
        asked = replace(asked, unnamed=missing)
        judgement = await _judged(judge, asked, encoded.passages, place, deadline)
        return await asyncio.to_thread(_read, asked, encoded.passages, judgement, deadline)
    unread = EncodedPassages(cut, 1)
    statement = Statement(question, np.zeros(1, np.float32), unnamed=missing)
    judgement = await _judged(judge, statement, unread.passages, place, deadline)
    likely = sorted(judgement.quotes, key=lambda place: (-judgement.quotes[place], place))[:first]
    numbers = {place: number for number, place in enumerate(cut.places)}
    wanted = [numbers[place] for place in likely]
    texts = [question, *(cut.texts[number] for number in wanted)]
    with begun():
        asked, *sentences = await reader.statements(texts, deadline)
    encoded = EncodedPassages(cut, len(asked.vector))
    encoded.add(dict(zip(wanted, sentences, strict=True)))
    asked = replace(asked, unnamed=missing)
    return await asyncio.to_thread(_quoted, asked, encoded.passages, judgement)


def _read_each(judge: Judge, question: str, texts: Sequence[str]) -> None:
    for text in texts:
        judge.read(question, text)


async def _judged(
    judge: Judge, asked: Statement, passages: Sequence[Passage], place: LanePlace | None, deadline: Deadline
) -> Judgement:
    """The judgement, after the sentences were read a few at a time, between those of other requests."""
    unread = await asyncio.to_thread(judge.unread, asked.text, passages)
    pieces = [unread[at : at + READ_TOGETHER] for at in range(0, len(unread), READ_TOGETHER)]
    if pieces and place is not None:
        works = [partial(_read_each, judge, asked.text, texts) for texts in pieces]
        sizes = [sum(tokens_of(asked.text, text) for text in texts) for texts in pieces]
        await place.run_each(works, sizes, deadline)
    return await asyncio.to_thread(judge.judge, asked, passages)


def _quoted(asked: Statement, passages: Sequence[Passage], judgement: Judgement) -> ReadEvidence:
    """The evidence of a quote, which the judge has chosen."""
    return _told(ReadEvidence(asked, passages, [], judgement, []))


def _read(
    asked: Statement, passages: Sequence[Passage], judgement: Judgement, deadline: Deadline
) -> ReadEvidence:
    relevances, aligned, words = [], [], words_of(asked.text)
    for passage in passages:
        deadline.check("the evidence was read")
        if len(asked.rows):
            aligned.append(alignment(asked.rows, passage.rows).mean(axis=1))
        relevances.append(window_relevance(words, asked.vector, passage))
    return _told(ReadEvidence(asked, passages, relevances, judgement, aligned))


def _told(read: ReadEvidence) -> ReadEvidence:
    """The same with what would be quoted, each with what is told before it."""
    places = chosen(read.asked.text, read)
    return replace(
        read,
        told={
            (number, window): above(read.asked.text, read.passages[number], window)
            for number, window in places
        },
    )


def _words(source: Evidence) -> str:
    """Text of a passage behind its names."""
    return " ".join([source.title, source.item_id, source.uri, source.text])
