"""Conflicts of passages that disagree, and false alarms on passages that do not.

Pairs are made: beside a passage stands a copy of the sentence with the answer, in which one thing is another,
after a sentence of another passage. Where the copy is unchanged, there is no conflict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tieback.core.text.sentences import sentences
from tieback_client import Answer, AnswerStyle, Client, Grounding
from tieback_client.evaluation import is_right

from benchmarks.generation.answering import Asked
from benchmarks.report import Report

FOUND, FALSE_ALARMS = 0.7, 0.03
_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})*(?![\w.,]*\d)")
_YEAR = re.compile(r"(?<![\w.,])(?:1[5-9]|20)\d\d(?![\w,.]*\d)")
_IS = re.compile(r"\b(is|are|was|were|can|will|has been|must|should)\b(?! not)")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})?(?![\w'’])")


def changed(sentence: str, names: Iterator[str]) -> dict[str, str]:
    """The sentence with one thing changed, by what that is; without those that it has nothing of."""
    found = {}
    if match := _YEAR.search(sentence):
        found["date"] = _with(sentence, match, str(int(match[0]) - 7))
    elif match := _NUMBER.search(sentence):
        found["number"] = _with(sentence, match, f"{int(match[0].replace(',', '')) + 3:,}")
    if match := _IS.search(sentence):
        word = match[0]
        found["negation"] = _with(sentence, match, "has not been" if word == "has been" else f"{word} not")
    if match := _NAME.search(sentence):
        other = next((name for name in names if name not in sentence), "")
        if other:
            found["name"] = _with(sentence, match, other)
    return found


def _with(sentence: str, match: re.Match[str], other: str) -> str:
    return sentence[: match.start()] + other + sentence[match.end() :]


def conflicting(report: Report, client: Client, asked: Sequence[Asked], most: int) -> None:
    """Rows by what was changed, and of what was not: how many answers name a conflict."""
    chosen = [one for one in asked if one.answerable and with_answer(one)]
    chosen = chosen[:: max(1, len(chosen) // max(most, 1))][:most]
    if not chosen:
        return
    names = [match[0] for one in chosen for match in _NAME.finditer(one.passage)]
    told: dict[str, list[bool]] = {}
    for place, one in enumerate(chosen):
        sentence, other = with_answer(one), chosen[place - 1].passage
        before = other[slice(*sentences(other)[0])]
        made = changed(sentence, iter(names[place:] + names[:place])) | {"nothing": sentence}
        for kind, text in made.items():
            answer = quoted(client, one, [one.passage, f"{before} {text}"])
            kinds = [conflict.kind.value for conflict in answer.conflicts]
            told.setdefault(kind, []).append(bool(kinds) if kind == "nothing" else kind in kinds)
    report.table(
        "passages that disagree, by what differs",
        [
            {"differs": kind, "questions": len(own), "named": sum(own) / len(own)}
            for kind, own in told.items()
        ],
    )
    right = [found for kind, own in told.items() if kind != "nothing" for found in own]
    report.claim("made conflicts that are named", sum(right) / len(right), "", f">= {FOUND}")
    own = told["nothing"]
    report.claim("copies that are called a conflict", sum(own) / len(own), "", f"<= {FALSE_ALARMS}")


def quoted(client: Client, one: Asked, passages: Sequence[str]) -> Answer:
    """The answer by quotes, whether or not the judge would let it through."""
    answer_all = Grounding(abstain_below=0.0)
    return client.generate(one.question, passages, style=AnswerStyle.QUOTE, grounding=answer_all).collect()


def with_answer(one: Asked) -> str:
    """The first sentence of the passage that has the answer; empty where none has it alone."""
    texts = (one.passage[begin:end] for begin, end in sentences(one.passage))
    return next((text for text in texts if is_right(text, one.answers)), "")
