"""Quality and speed of each plan: tables and claims of what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.pipeline.asking import Answered, Asked
from benchmarks.pipeline.judged import Question
from benchmarks.pipeline.measures import BEST, hit, ndcg, recall, reciprocal_rank
from benchmarks.pipeline.plans import DEFAULT
from benchmarks.pipeline.turns import more
from benchmarks.report import Report
from benchmarks.statistics import Interval

Measure = Callable[[Sequence[str], Mapping[str, int]], float]
MEASURES: Mapping[str, Measure] = {
    "nDCG@10": ndcg,
    "MRR": reciprocal_rank,
    "recall@10": recall,
    "hit@1": lambda found, grades: hit(found, grades, at=1),
    "hit@10": lambda found, grades: hit(found, grades, at=10),
}
TOLERANCE = "<= 0.005"
WHOLE = 0.9
"""Of the questions a plan has to have been asked so many to be the best; by chance, few are easy for one."""


def report_on(report: Report, asked: Asked) -> None:
    """Adds the tables of a collection and the claim that its default is as good as its best plan."""
    name = asked.judged.name
    questions = {one.id: one for one in asked.judged.answerable}
    report.table(f"{name}: quality by plan", list(_quality(asked, questions)))
    report.table(f"{name}: milliseconds by plan", list(_times(asked)))
    behind = {plan: found for plan in asked.answered if (found := difference(asked, questions, plan))}
    whole = {plan: one for plan, one in behind.items() if len(asked.answered[plan]) >= WHOLE * len(questions)}
    partly = [f"{plan} {_said(one)}" for plan, one in behind.items() if plan not in whole and one.low > 0]
    if whole:
        best, worst = max(whole.items(), key=lambda pair: pair[1].value)
        note = f"the best of {len(whole)} plans is {best!r}, found by looking; {len(questions)} questions"
        report.claim(
            f"{name}: the default's nDCG@10 is behind the best plan by",
            worst,
            "",
            TOLERANCE,
            note=f"{note}; better on the part that it was asked: {', '.join(partly)}" if partly else note,
        )


def _said(one: Interval) -> str:
    return f"{one.value:+.3f} [{one.low:+.3f}, {one.high:+.3f}]"


def values(
    answered: Mapping[str, Answered], questions: Mapping[str, Question], measure: Measure
) -> dict[str, float]:
    """The measure of every question that has an answer and was asked."""
    return {
        name: measure(answered[name].items, one.grades) for name, one in questions.items() if name in answered
    }


def difference(asked: Asked, questions: Mapping[str, Question], plan: str) -> Interval | None:
    """nDCG@10 of a plan less that of the default, over the questions that it was asked; None without any."""
    theirs = values(asked.answered[plan], questions, ndcg)
    if plan == DEFAULT or not theirs:
        return None
    return more(theirs, values(asked.answered[DEFAULT], questions, ndcg), float)


def _quality(asked: Asked, questions: Mapping[str, Question]) -> Iterator[dict[str, Any]]:
    for plan, answered in asked.answered.items():
        found = {name: values(answered, questions, measure) for name, measure in MEASURES.items()}
        less = difference(asked, questions, plan)
        yield {
            "plan": plan,
            "questions": len(found["nDCG@10"]),
            **{name: float(np.mean(list(one.values()))) if one else None for name, one in found.items()},
            "nDCG less default": None if less is None else less.value,
            "low": None if less is None else less.low,
            "high": None if less is None else less.high,
            "failed": asked.failures.get(plan, ""),
        }


def _times(asked: Asked) -> Iterator[dict[str, Any]]:
    for plan, answered in asked.answered.items():
        if not answered:
            continue
        times = [one.milliseconds for one in answered.values()]
        stages = {
            name: float(np.mean([one.stages[name] for one in answered.values()]))
            for name in next(iter(answered.values())).stages
        }
        yield {
            "plan": plan,
            "queries": len(times),
            "p50": float(np.percentile(times, 50)),
            "p95": float(np.percentile(times, 95)),
            **{f"share of {name}": stages[name] / sum(stages.values()) for name in stages},
        }


def by_kind(asked: Asked) -> list[dict[str, Any]]:
    """MRR, nDCG@10 and whether the answer is there, by kind and split of the questions and by plan."""
    rows = []
    groups: dict[str, list[Question]] = {}
    for one in asked.judged.answerable:
        for group in (one.kind, one.split):
            if group:
                groups.setdefault(group, []).append(one)
    for group, members in sorted(groups.items()):
        for plan, answered in asked.answered.items():
            if len(answered) < WHOLE * len(asked.answered[DEFAULT]):
                continue
            there = [one for one in members if one.id in answered]
            holding = [answered[one.id].holds_answer for one in there if one.answer]
            if there:
                rows.append(
                    {
                        "questions of": group,
                        "plan": plan,
                        "questions": len(there),
                        "MRR": float(
                            np.mean([reciprocal_rank(answered[one.id].items, one.grades) for one in there])
                        ),
                        "nDCG@10": float(
                            np.mean([ndcg(answered[one.id].items, one.grades) for one in there])
                        ),
                        "answer in the best 10 hits and their pieces": float(np.mean(holding))
                        if holding
                        else None,
                    }
                )
    return rows


def first_relevances(asked: Asked) -> list[dict[str, Any]]:
    """Relevances that the default gives the first hit, of questions with an answer and of those with none."""
    rows = []
    for name, wanted in (("an answer", True), ("no answer", False)):
        found = [
            next(iter(said.values()))
            for one in asked.judged.questions
            if bool(one.grades) is wanted and (said := _said_of(asked, one))
        ]
        if found:
            low, middle, high = np.percentile(found, [5, 50, 95])
            rows.append(
                {"questions with": name, "questions": len(found), "5 %": low, "50 %": middle, "95 %": high}
            )
    return rows


def reliability(asked: Asked) -> list[dict[str, Any]]:
    """Reliability of the relevances of the default's ten best items, by split of the questions.

    The expected calibration error is the mean distance, over ten bins, of what is said from what is right;
    AUC is how often a right item has more than a wrong one.
    """
    groups: dict[str, list[Question]] = {}
    for one in asked.judged.questions:
        groups.setdefault(one.split or "all", []).append(one)
    rows = []
    for group, members in groups.items():
        pairs = [
            (value, one.grades.get(name, 0) > 0)
            for one in members
            for name, value in list(_said_of(asked, one).items())[:BEST]
        ]
        if pairs:
            said, right = (np.array(column, float) for column in zip(*pairs, strict=True))
            bins = np.minimum((said * 10).astype(int), 9)
            off = sum(abs((said - right)[bins == one].sum()) for one in range(10)) / len(said)
            above = said[right > 0][:, None] - said[right == 0]
            rows.append(
                {
                    "questions": group,
                    "items": len(said),
                    "share relevant": right.mean(),
                    "mean said": said.mean(),
                    "calibration error": off,
                    "AUC": float(((above > 0) + (above == 0) / 2).mean()) if above.size else None,
                }
            )
    return rows


def _said_of(asked: Asked, question: Question) -> Mapping[str, float]:
    answered = asked.answered[DEFAULT].get(question.id)
    return answered.relevances if answered else {}
