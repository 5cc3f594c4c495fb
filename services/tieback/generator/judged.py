"""Reads a request's passages for a question, and has it judged whether they answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tieback.core.deadline import Deadline
from tieback.core.questions import asks_how_to
from tieback.core.types.generation import Evidence
from tieback.generator.above import above
from tieback.generator.evidence import ReadEvidence
from tieback.generator.instructions import BEHIND
from tieback.generator.judging import Judge
from tieback.generator.quoting import chosen
from tieback.generator.reading_order import ReadingOrder
from tieback.grounding import CutPassages, EncodedPassages, PassageReader
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
    first: int = 0,
) -> ReadEvidence:
    """Reads passages, with `tokens` by the vectors of their tokens too, and how they bear on a question.

    With `first`, so many sentences are encoded at first, and then those that may be quoted instead, where the
    judge reads nothing but quotes. InvalidInput where there is too much to read.
    """
    tokens = tokens or judge.is_learned
    cut = await reader.cut(evidence, deadline)
    is_quoted = bool(first) and judge.reads_quotes and not any(one.segments for one in evidence)
    if is_quoted:
        asked, read = await _in_order(reader, question, cut, first, deadline)
    else:
        asked, *sentences = await reader.statements([question, *cut.texts], deadline, tokens=tokens)
        read = dict(enumerate(sentences))
    encoded = EncodedPassages(cut, len(asked.vector))
    encoded.add(read)
    return await asyncio.to_thread(_read, asked, encoded.passages, judge, deadline, is_quoted=is_quoted)


async def _in_order(
    reader: PassageReader, question: str, cut: CutPassages, first: int, deadline: Deadline
) -> tuple[Statement, dict[int, Statement]]:
    """The question and the sentences that may be quoted, by their places among all."""
    order = await asyncio.to_thread(ReadingOrder, question, cut.texts, cut.titles, first)
    texts = [question, *(cut.texts[place] for place in order.first)]
    asked, *sentences = await reader.statements(texts, deadline, tokens=True)
    read = dict(zip(order.first, sentences, strict=True))
    if not len(asked.rows):
        return asked, read  # a question without a word: all sentences are among the first
    best = alignment(asked.rows, [one.rows for one in sentences]).mean(axis=1).max(initial=0.0)
    least = float(best) - (BEHIND if asks_how_to(question) else 0.0)
    if near := order.near(least):
        more = await reader.statements([cut.texts[place] for place in near], deadline, tokens=True)
        read.update(zip(near, more, strict=True))
    return asked, read


def _read(
    asked: Statement,
    passages: Sequence[Passage],
    judge: Judge,
    deadline: Deadline,
    *,
    is_quoted: bool,
) -> ReadEvidence:
    """Relevances are left out where something `is_quoted`, and that is chosen by alignments."""
    relevances, aligned, words = [], [], words_of(asked.text)
    for passage in passages:
        deadline.check("the evidence was read")
        if len(asked.rows):
            aligned.append(alignment(asked.rows, passage.rows).mean(axis=1))
        if not (is_quoted and len(asked.rows)):
            relevances.append(window_relevance(words, asked.vector, passage))
    nothing = Judgement(np.zeros(len(passages)), 0.0)
    read = ReadEvidence(asked, passages, relevances, nothing, aligned)
    told = {
        (number, window): above(asked.text, passages[number], window)
        for number, window in chosen(asked.text, read)
    }
    quotes = {place: before + read.text(*place) for place, before in told.items()}
    return replace(read, judgement=judge.judge(asked, passages, quotes), told=told)
