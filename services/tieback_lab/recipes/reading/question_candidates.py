"""Questions with the sentences that answer them and sentences that do not: what a choice of a quote is
learned from.

A candidate is a part of a passage as it is quoted (`core/text/passage_units.py`). It is read together with
the question, and behind it the headings it stands under and the part before it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.errors import StartupError
from tieback.core.text.passage_units import units
from tieback.methods.answerability._candidates import in_context
from tieback.methods.grounding import words_of

from tieback_lab.recipes.reading.made_questions import LONGEST_PASSAGE, Asked

FEWEST_LETTERS = 3
"""Of an answer, from which on a part that has it may be the answer, wherever people marked it."""
MOST_ANSWERING, NEAR_BESIDE, ANY_BESIDE = 2, 3, 1
"""Parts of a passage that are learned from for a question: that answer it, that do not and share most words
with it, and any."""
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Question:
    """A question of a set, a passage with its title, and the texts of it that answer; none where none does.

    `evidence` is where people marked the answer, empty where nobody did.
    """

    question: str
    passage: str
    title: str
    answers: Sequence[str]
    evidence: str
    is_answered: bool
    source: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class QuestionCandidate:
    """A question and a part of a passage in its context; `answer` is the text of it that answers, or None
    where that is not known.
    """

    question: str
    text: str
    is_answer: bool
    answer: str | None
    source: str


def read_asked(files: Iterable[Path], *, most: int, seed: int, capped: Mapping[str, int]) -> list[Question]:
    """The questions of JSONL files, at most so many of each set, and fewer of those that are `capped`; lines
    without a question are left out.

    StartupError where a line is another.
    """
    found: dict[str, list[Question]] = {}
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip() and (one := _line(line, path, number)) is not None:
                found.setdefault(one.source, []).append(one)
    draw = np.random.default_rng(seed)
    kept: list[Question] = []
    for source in sorted(found):
        own = found[source]
        room = min(len(own), most, capped.get(source, most))
        places = np.sort(draw.choice(len(own), room, replace=False))
        kept += [own[place] for place in places.tolist()]
    return kept


def _line(line: str, path: Path, number: int) -> Question | None:
    try:
        said: Any = json.loads(line)
        if "question" not in said:
            return None
        evidence = str(said.get("evidence_sentence") or said.get("sentence") or "")
        answers = tuple(str(one) for one in said.get("answers") or ())
        return Question(
            str(said["question"]), str(said["passage"])[:LONGEST_PASSAGE], str(said.get("title") or ""),
            answers, evidence, bool(said["answerable"]), str(said.get("source", path.stem)),
            str(said.get("domain") or ""),
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StartupError(
            f"{path.name}, line {number}: a question is a JSON object with question, passage and answerable"
        ) from None


def asked_of(made: Iterable[Asked]) -> Iterator[Question]:
    """Questions that were made of claims, in the same form."""
    for one in made:
        answers = (one.answer,) if one.answer else ()
        passage = one.passage[:LONGEST_PASSAGE]
        yield Question(one.question, passage, "", answers, "", one.answerable, one.source)


def candidates_of(asked: Iterable[Question], seed: int) -> Iterator[QuestionCandidate]:
    """A few parts of each passage: those that answer, and of the others those that are nearest to it."""
    draw = np.random.default_rng(seed)
    for one in asked:
        parts = units(one.passage, one.title)
        known = [
            (place, *state)
            for place, part in enumerate(parts)
            if (state := answers_of(one, one.passage[slice(*part.span)])) is not None
        ]
        answering = [own for own in known if own[1]]
        if one.is_answered and not answering:
            continue  # the answer is of several parts
        stated = words_of(one.question).all_stems
        near = sorted(
            (own for own in known if not own[1]),
            key=lambda own: -len(stated & words_of(parts[own[0]].read).all_stems),
        )
        rest = near[NEAR_BESIDE:]
        beside = near[:NEAR_BESIDE] + [rest[int(draw.integers(len(rest)))] for _ in range(ANY_BESIDE) if rest]
        some = [answering[at] for at in draw.permutation(len(answering))[:MOST_ANSWERING].tolist()]
        for place, is_answer, answer in (*some, *beside):
            text = in_context([part.read for part in parts], place, one.title)
            yield QuestionCandidate(one.question, text, is_answer, answer, one.source)


def texts_of(one: Question) -> list[tuple[str, str]]:
    """Each part of the passage as it stands there, and as it is read."""
    parts = units(one.passage, one.title)
    reads = [part.read for part in parts]
    return [
        (one.passage[slice(*part.span)], in_context(reads, place, one.title))
        for place, part in enumerate(parts)
    ]


def answers_of(one: Question, part: str) -> tuple[bool, str | None] | None:
    """Tell whether a part answers the question, and by which text; None where nobody knows."""
    if not one.is_answered:
        return False, ""
    own, marked = _plain(part), _plain(one.evidence)
    is_marked = bool(marked) and (own in marked or marked in own)
    has = next((answer for answer in one.answers if _plain(answer) and _plain(answer) in own), None)
    is_said = any(len(answer) >= FEWEST_LETTERS and _plain(answer) in marked for answer in one.answers)
    if marked:
        if is_marked and (has is not None or not is_said):
            return True, has
        if is_marked:
            return None  # a part of what was marked, without the words of the answer
        return (False, "") if has is None or len(has) < FEWEST_LETTERS else None
    return (True, has) if has is not None else (False, "")


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip(" .|*-").lower()
