"""Whether the judge of answerability tells questions with an answer from those without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from tieback_client import AnswerStyle, Client, Grounding, InvalidArgument

from benchmarks.classification import auc
from benchmarks.generation.answering import Asked, ask
from benchmarks.report import BOOTSTRAP, Report

LEARNED = ("question_reading", "question_alignment")
JUDGES = (*LEARNED, "relevance")
"""The learned judges, where the server has them, and the one that learned nothing."""
AUROC = 0.8
"""The aim is that of issue 13, for sets that nothing was chosen on."""
COVERAGES = (0.1, 0.25, 0.5, 0.75, 1.0)
WANTED = 0.8
"""A precision that a learned judge is asked for beside its default."""
DRAWS, BINS = 1000, 10


def judging(report: Report, client: Client, sets: Mapping[str, Sequence[Asked]]) -> None:
    """Rows of each judge for each set with questions of both kinds, the risk by coverage, the claims."""
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    abstained: list[dict[str, Any]] = []
    for name, asked in sets.items():
        answerable = np.array([one.answerable for one in asked])
        if answerable.all() or not answerable.any():
            continue
        for judge in JUDGES:
            try:
                scores = np.array([score(client, one, judge) for one in asked])
            except InvalidArgument:  # the server has no learned judge
                continue
            low, high = interval(scores, answerable)
            found = auc(scores, answerable)
            rows.append(
                {
                    "set": name,
                    "judge": judge,
                    "questions": len(asked),
                    "with an answer": float(answerable.mean()),
                    "AUROC": found,
                    "low": low,
                    "high": high,
                    "calibration error": calibration_error(scores, answerable),
                }
            )
            curve += [
                {
                    "set": name,
                    "judge": judge,
                    "coverage": one,
                    "without an answer": risk(scores, answerable, one),
                }
                for one in COVERAGES
            ]
            if judge in LEARNED:
                abstained += [
                    abstentions(client, name, asked, judge, parameters)
                    for parameters in ({}, {"wanted_precision": WANTED})
                ]
            report.claim(
                *(f"AUROC of answerability, {judge}, {name}", found, "", f">= {AUROC}"),
                low=low,
                high=high,
                interval=BOOTSTRAP,
            )
    report.table("answerability by set", rows)
    report.table("questions without an answer among those answered first", curve)
    report.table("questions that are abstained from", abstained)


def abstentions(
    client: Client, name: str, asked: Sequence[Asked], judge: str, parameters: Mapping[str, float]
) -> dict[str, Any]:
    """The shares that the judge abstains from with these parameters, of both kinds of questions."""
    grounding = Grounding(answerability=(judge, parameters))
    counts = {True: 0, False: 0}
    for one in asked:
        counts[one.answerable] += (
            ask(client, one, AnswerStyle.QUOTE, grounding=grounding).abstention is not None
        )
    answerable = sum(one.answerable for one in asked)
    return {
        "set": name,
        "judge": judge,
        "wanted precision": parameters.get("wanted_precision", "default"),
        "without an answer": counts[False] / (len(asked) - answerable),
        "with an answer": counts[True] / answerable,
    }


def score(client: Client, one: Asked, judge: str) -> float:
    """The judge's score: nothing is answered below 1, and an abstention says why."""
    grounding = Grounding(abstain_below=1.0, answerability=judge)
    found = client.generate(
        one.question, [one.passage], style=AnswerStyle.QUOTE, grounding=grounding
    ).collect()
    return 1.0 if found.abstention is None else found.abstention.score


def interval(scores: np.ndarray, answerable: np.ndarray) -> tuple[float, float]:
    """The ends of the 95 % bootstrap interval of the AUROC over questions."""
    drawn = np.random.default_rng(0).integers(0, len(scores), (DRAWS, len(scores)))
    low, high = np.nanpercentile([auc(scores[places], answerable[places]) for places in drawn], [2.5, 97.5])
    return float(low), float(high)


def risk(scores: np.ndarray, answerable: np.ndarray, coverage: float) -> float:
    """The share without an answer among the so many that have the highest scores."""
    first = np.argsort(-scores, kind="stable")[: max(1, round(coverage * len(scores)))]
    return float(1 - answerable[first].mean())


def calibration_error(scores: np.ndarray, answerable: np.ndarray) -> float:
    """The expected calibration error over bins of equal width."""
    bins = np.minimum((scores * BINS).astype(int), BINS - 1)
    found = 0.0
    for place in range(BINS):
        here = bins == place
        if here.any():
            found += here.mean() * abs(scores[here].mean() - answerable[here].mean())
    return float(found)
