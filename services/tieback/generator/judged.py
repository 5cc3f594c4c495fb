"""Reads a request's passages for a question, and has it judged whether they answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.types.generation import Evidence
from tieback.generator.above import above
from tieback.generator.evidence import ReadEvidence
from tieback.generator.judging import Judge
from tieback.generator.quoting import chosen
from tieback.grounding import PassageReader
from tieback.methods.answerability import Judgement
from tieback.methods.answerability.question_alignment import alignment
from tieback.methods.answerability.relevance import window_relevance
from tieback.methods.grounding import Passage, Statement, words_of


async def read_evidence(
    reader: PassageReader,
    question: str,
    evidence: Sequence[Evidence],
    judge: Judge,
    deadline: Deadline,
    *,
    tokens: bool = False,
) -> ReadEvidence:
    """Reads passages, with `tokens` by the vectors of their tokens too, and how they bear on a question.

    InvalidInput where there is too much to read.
    """
    tokens = tokens or judge.is_learned
    passages, [asked] = await reader.read(evidence, [question], deadline, tokens=tokens)
    return await asyncio.to_thread(_read, asked, passages, judge, deadline)


def _read(asked: Statement, passages: Sequence[Passage], judge: Judge, deadline: Deadline) -> ReadEvidence:
    relevances, aligned, words = [], [], words_of(asked.text)
    for passage in passages:
        deadline.check("the evidence was read")
        relevances.append(window_relevance(words, asked.vector, passage))
        if len(asked.rows):
            aligned.append(alignment(asked.rows, passage.rows).mean(axis=1))
    nothing = Judgement(np.zeros(len(passages)), 0.0)
    read = ReadEvidence(asked, passages, relevances, nothing, aligned)
    told = {
        (number, window): above(asked.text, passages[number], window)
        for number, window in chosen(asked.text, read)
    }
    quotes = {place: before + read.text(*place) for place, before in told.items()}
    return replace(read, judgement=judge.judge(asked, passages, quotes), told=told)
