"""A claim read together with its question: whether it can be an answer, and what it states."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tieback_contract.claims import CheckEvent, Claim, QuestionFit, Verdict, VerdictLabel

from tieback.core.language import Sentence, sentence_of
from tieback.core.text.questions import asks_how_to, has_expected, kind_of
from tieback.core.text.visible import as_displayed
from tieback.grounding.languages import is_foreign

YES_OR_NO = re.compile(r"\s*(yes|no)\s*[,.:;!–—-]+\s*", re.IGNORECASE)
"""Not "No rain fell", which is a negation of the statement itself."""
FEWEST_WORDS = 2
"""After a yes or no, from which they state something themselves."""
TYPED = ("number", "when")
"""Kinds of which every answer has something that can be seen; who or where can be anybody and anywhere."""
IS = re.compile(r"\s(?:is|was|are|were)\s(?:\s*in\s)?")

COUNTED = re.compile(r"[€$£]?\d[\d,]{0,8}(?:\.\d+)?[a-z%€°]{0,4}", re.IGNORECASE)
"""A number as a token of its own: no version, time, date, nor what numbers a thing ("20130119")."""
CODE = re.compile(r"`+([^`]+)`")
CELL_MARK = re.compile(r"<[^<>]*>|\|")
"""Between the cells of a row."""
RANGE = re.compile(r"[-–—/]")
ADDRESS = "://"
VERSION = re.compile(r"\S*\d[-.:/]\d+[-.:/]\d")
"""Three numbers in a row, as of a version or a date."""


def has_number(question: str, text: str) -> bool:
    """Whether a text has a number that the question does not have itself."""
    return bool(set(_counted(as_displayed(text))) - set(_counted(as_displayed(question))))


def _counted(text: str) -> Iterator[str]:
    for token in CELL_MARK.sub(" ", text).split():
        bare = token.strip("()[]{}<>\"'“”‘’`*_|~=,.;:!?")
        parts = [bare] if VERSION.match(bare) or ADDRESS in bare else RANGE.split(bare)
        yield from (part for part in parts if COUNTED.fullmatch(part))


def answering(question: str, claim: Claim, found: Sequence[CheckEvent], above: str = "") -> list[CheckEvent]:
    """What a check of a claim found, its verdict with whether it can be an answer to the question, read after
    what it stands under, and whether one of both is not in English.
    """
    if not question:
        return list(found)
    is_other = is_foreign(question) or is_foreign(claim.text)
    return [
        replace(one, answers_question=fit_of(question, above + claim.text), other_language=is_other)
        if isinstance(one, Verdict) and one.label is not VerdictLabel.NOT_CHECKED
        else one
        for one in found
    ]


def as_stated(claim: str) -> str:
    """What a claim states, without a yes or no before it.

    "No, interns are not paid" states that interns are not paid: the two negations are not one too many.
    """
    answered = YES_OR_NO.match(claim)
    if answered is None or len(claim[answered.end() :].split()) < FEWEST_WORDS:
        return claim
    return claim[answered.end() :]


def fit_of(question: str, claim: str) -> QuestionFit:
    """Whether a claim can be an answer to an English question.

    By rules over words, names, numbers and times: an echo has nothing that the question does not have (a
    command is no echo where it asks how to do something), and a claim of another kind lacks what is asked
    for, equates a name with a number, or denies its own yes or no. That a claim fits does not say that it is
    true, or the right answer.
    """
    question, claim = as_displayed(question), as_displayed(claim)
    kind, asked, said = kind_of(question), sentence_of(question), Sentence(as_stated(claim))
    if claim.rstrip().endswith("?"):
        return QuestionFit.ECHO
    if kind == "polar":
        return _polar_fit(asked, said, claim)
    if asks_how_to(question) and any(code[1].strip() not in question for code in CODE.finditer(claim)):
        return QuestionFit.ANSWERS  # "How do I add a model?": `models add` has no word that is new
    new = said.content - asked.content
    if not new and not said.amounts - asked.amounts and not said.capitals - asked.words:
        return QuestionFit.ECHO
    is_typed = kind not in TYPED or has_expected(kind, asked, said)
    is_typed |= kind == "number" and has_number(question, claim)  # with its unit: "60ns"
    if not is_typed or _equates(said.text):
        return QuestionFit.OTHER_KIND
    return QuestionFit.ANSWERS


def _polar_fit(asked: Sentence, said: Sentence, claim: str) -> QuestionFit:
    answered = YES_OR_NO.match(claim)
    if answered is None or said.text == claim or not said.content <= asked.content:
        return QuestionFit.ANSWERS
    is_no = answered[1].lower() == "no"
    return QuestionFit.ANSWERS if is_no == (asked.is_negated != said.is_negated) else QuestionFit.OTHER_KIND


def _equates(claim: str) -> bool:
    """Whether a name is said to be a number or a year: "Jonas Lindqvist is 2021"."""
    own, *said = IS.split(claim, maxsplit=1)
    other, names = Sentence("".join(said)), Sentence(own).tokens
    is_number = len(other.tokens) == 1 and bool(other.amounts or other.times)
    return is_number and len(names) > 1 and all(one.has_capital for one in names)
