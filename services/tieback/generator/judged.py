"""Reads a request's passages for a question, and has it judged whether they answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tieback_contract.generation import Evidence

from tieback.core.deadline import Deadline
from tieback.generator.above import above
from tieback.generator.evidence import ReadEvidence
from tieback.generator.judging import Judge
from tieback.generator.quoting import chosen
from tieback.grounding import EncodedPassages, PassageReader
from tieback.grounding.named import unnamed
from tieback.methods.answerability import Judgement
from tieback.methods.answerability.question_alignment import alignment
from tieback.methods.answerability.relevance import window_relevance
from tieback.methods.grounding import Passage, Statement, words_of

FIRST = 6
"""Sentences that are encoded of what is quoted from: those that most likely answer. Passages that disagree
are compared by them."""


async def read_evidence(
    reader: PassageReader,
    question: str,
    evidence: Sequence[Evidence],
    judge: Judge,
    deadline: Deadline,
    *,
    first: int = 0,
) -> ReadEvidence:
    """Reads passages, and how they bear on a question.

    With `first`, no more than so many sentences are encoded, those that most likely answer, where the judge
    reads sentences itself. InvalidInput where there is too much to read.
    """
    cut = await reader.cut(evidence, deadline)
    missing = await asyncio.to_thread(unnamed, question, [_words(one) for one in evidence])
    is_quoted = bool(first) and judge.reads_quotes and not any(one.segments for one in evidence)
    if not is_quoted:
        texts = [question, *cut.texts]
        asked, *sentences = await reader.statements(texts, deadline, tokens=judge.is_learned)
        encoded = EncodedPassages(cut, len(asked.vector))
        encoded.add(dict(enumerate(sentences)))
        asked = replace(asked, unnamed=missing)
        judgement = await asyncio.to_thread(judge.judge, asked, encoded.passages)
        return await asyncio.to_thread(_read, asked, encoded.passages, judgement, deadline)
    unread = EncodedPassages(cut, 1)
    statement = Statement(question, np.zeros(1, np.float32), unnamed=missing)
    judgement = await asyncio.to_thread(judge.judge, statement, unread.passages)
    likely = sorted(judgement.quotes, key=lambda place: (-judgement.quotes[place], place))[:first]
    numbers = {place: number for number, place in enumerate(cut.places)}
    wanted = [numbers[place] for place in likely]
    texts = [question, *(cut.texts[number] for number in wanted)]
    asked, *sentences = await reader.statements(texts, deadline)
    encoded = EncodedPassages(cut, len(asked.vector))
    encoded.add(dict(zip(wanted, sentences, strict=True)))
    asked = replace(asked, unnamed=missing)
    return await asyncio.to_thread(_quoted, asked, encoded.passages, judgement)


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
