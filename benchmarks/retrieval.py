"""Quality of each way to order the hits: nDCG@10, recall@100 and time, on judged collections.

Every question is asked through SDK and wire by the first stage, with each expansion of queries, each reranker
over 50 candidates, and each learned ranking, of a server that is started for it. The collections of --data
are laid out as benchmarks/pipeline/collections.py says, and the mixed library (benchmarks/pipeline/mixed) is
one more; questions that are not words alone are left out. All plans are asked a question before the next one;
a reranker that has used up its seconds is asked no more, and is compared with the first stage on the
questions that it answered. Intervals are 95 % paired bootstrap intervals.

Leave-one-out: a learned ranking is fitted on the judged candidates of all other collections, and tried on the
one left out. These rankings are thrown away. The ranking that ships learned from none of the collections.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.types.search import NAMES
from tieback.recipes.train.judged_candidates import JudgedQuestion, dcg, first_stage, learned, scores
from tieback_client import Client
from tieback_client.values.results import RetrievalResult
from tieback_lab.recipes.trained.ranker import SIGNALS_READ

from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import Judged, Question
from benchmarks.pipeline.measures import BEST, items_of, ndcg
from benchmarks.pipeline.turns import Plan, ask_in_turns, mean, more
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, asking
from benchmarks.statistics import paired

FIRST, LEARNED = "first stage", "linear"
CANDIDATES, DEEP = 50, 100
PENALTY = {"penalty": 2.0}
MOST_MILLISECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Answered:
    """Of one question by one plan: nDCG@10, recall@100, and the milliseconds of a query for ten hits."""

    ndcg: float
    recall: float
    milliseconds: float


Found = Mapping[str, Answered]
"""By question."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser)
    parser.add_argument(
        "--plans",
        nargs="+",
        metavar="NAME",
        help="beside the first stage only plans whose name begins so; without recall@100 and leave-one-out",
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="for each reranker on each collection [20]"
    )


def run(options: argparse.Namespace) -> Report:
    collections = [one for one in map(_with_words, collections_of(options, mixed=True)) if one.questions]
    return measured(collections, seconds=options.seconds, only=options.plans)


def measured(
    collections: Sequence[Judged],
    spaces: Sequence[str] = (),
    *,
    seconds: float = 20.0,
    only: Sequence[str] | None = None,
) -> Report:
    """Measures the collections on a server of `spaces`, by default all; `only` plans that begin so."""
    report = Report()
    # Without a cache every plan encodes the query, as the first of them does.
    with asking(spaces=spaces, settings=NO_GENERATOR | UNCACHED) as client:
        _measure(report, client, collections, seconds, only)
    return report


def _measure(
    report: Report,
    client: Client,
    collections: Sequence[Judged],
    seconds: float,
    only: Sequence[str] | None,
) -> None:
    """Asks everything, and fills the report."""
    plans = [
        one for one in _plans(client) if only is None or one.name == FIRST or one.name.startswith(tuple(only))
    ]
    rows: list[Mapping[str, Any]] = []
    signals: dict[str, list[JudgedQuestion]] = {}
    for number, judged in enumerate(collections):
        name = f"bench-{number}"
        client.ingest(name, [document.item for document in judged.documents]).collect()
        found = _asked(client, name, judged, plans, seconds, deep=only is None)
        rows += _rows(judged, found)
        if f"learned {LEARNED}" in found:
            _claims(report, judged, found)
        if only is None:
            signals[judged.name] = [_signals(client, name, question) for question in judged.questions]
    report.table("plans", rows)
    if only is None:
        report.table("leave-one-out", list(_left_out(signals)))


def _with_words(judged: Judged) -> Judged:
    """The collection with the questions that are words and have an answer."""
    questions = [
        one for one in judged.answerable if all(isinstance(part, str) for part in one.query) and not one.own
    ]
    return Judged(judged.name, judged.documents, questions, judged.modalities)


def _plans(client: Client) -> list[Plan]:
    methods: dict[str, list[str]] = {}
    for one in client.methods():
        if one.name != "none":
            methods.setdefault(one.family, []).append(one.name)
    return [
        Plan(FIRST, {"ranker": "none"}),
        *(Plan(f"feedback {one}", {"query_expansion": one}) for one in methods["query_expansion"]),
        *(Plan(f"learned {one}", {"ranker": one}) for one in methods["learned_ranking"]),
        *(
            Plan(f"reranker {one}", {"reranker": one, "candidates": CANDIDATES}, is_slow=True)
            for one in methods["reranking"]
        ),
    ]


def _asked(
    client: Client, name: str, judged: Judged, plans: Sequence[Plan], seconds: float, *, deep: bool
) -> dict[str, dict[str, Answered]]:
    def ask(question: Question, plan: Plan) -> Answered:
        begun = time.perf_counter()
        result = client.retrieve(name, contents(question.query), limit=BEST, **plan.arguments)
        milliseconds, recall = 1e3 * (time.perf_counter() - begun), np.nan
        if deep and not plan.is_slow:
            further = client.retrieve(name, contents(question.query), limit=DEEP, **plan.arguments)
            relevant = sum(item in question.grades for item in _items(further))
            recall = relevant / len(question.grades)
        return Answered(ndcg(_items(result), question.grades), recall, milliseconds)

    # In another order than the file's, so that a slow plan gets a sample.
    order = np.random.default_rng(0).permutation(len(judged.questions)).tolist()
    questions = [judged.questions[place] for place in order]
    return ask_in_turns(questions, plans, ask, lambda plan: seconds if plan.is_slow else np.inf)


def _items(result: RetrievalResult) -> list[str]:
    return items_of(one.hit.item_id for one in result.hits)


def _rows(judged: Judged, found: Mapping[str, Found]) -> Iterator[Mapping[str, Any]]:
    def p50(answered: Found) -> float:
        return float(np.median([one.milliseconds for one in answered.values()]))

    first = found[FIRST]
    for name, answered in found.items():
        row: dict[str, Any] = {"collection": judged.name, "plan": name, "questions": len(answered)}
        less, recall = more(answered, first, _ndcg), mean(answered, lambda one: one.recall)
        row |= {"nDCG@10": mean(answered, _ndcg), "less first": less.value}
        row |= {"low": less.low, "high": less.high, "recall@100": None if np.isnan(recall) else recall}
        yield row | {"p50 ms": p50(answered), "times first": p50(answered) / p50(first)}


def _ndcg(one: Answered) -> float:
    return one.ndcg


def _claims(report: Report, judged: Judged, found: Mapping[str, Found]) -> None:
    ranked, first = found[f"learned {LEARNED}"], found[FIRST]
    note = f"{len(ranked)} questions"
    name = f"{judged.name}: nDCG@10 of the learned ranking less the first stage"
    report.claim(name, more(ranked, first, _ndcg), "", "> 0", note=note)
    milliseconds = float(np.median([one.milliseconds for one in ranked.values()]))
    name = f"{judged.name}: p50 of a query with the learned ranking"
    report.claim(name, milliseconds, "ms", f"<= {MOST_MILLISECONDS:g}", note=note)
    if judged.name == "cranfield":
        for answered, what, target in ((first, "first stage", 0.405), (ranked, "learned ranking", 0.42)):
            name = f"cranfield: nDCG@10 of the {what}"
            report.claim(name, mean(answered, _ndcg), "", f">= {target}", note=note)


def _signals(client: Client, name: str, question: Question) -> JudgedQuestion:
    """The candidates of a question with their signals; what has no grade is not relevant."""
    found = client.retrieve(name, contents(question.query), limit=DEEP, ranker=LEARNED, explain=True)
    hits = sorted(found.hits, key=lambda one: one.search_rank)
    given = [{share.name: share.value for share in one.signals} for one in hits]
    items = [one.hit.item_id for one in hits]
    return JudgedQuestion(
        question.words,
        items,
        np.array([[one.get(signal, np.nan) for signal in NAMES] for one in given]).reshape(-1, len(NAMES)),
        np.array([float(question.grades.get(item, 0)) for item in items]),
        dcg(sorted(question.grades.values(), reverse=True)),
    ).with_signals(SIGNALS_READ)


def _left_out(signals: Mapping[str, Sequence[JudgedQuestion]]) -> Iterator[Mapping[str, Any]]:
    """Of each collection, nDCG@10 by what was learned from the others."""
    for name, queries in signals.items():
        others = [query for other, those in signals.items() if other != name for query in those]
        if not others:
            continue
        state = learned(others, LEARNED, PENALTY)
        before = first_stage(queries)
        after = np.array([query.ndcg(scores(query, LEARNED, state)) for query in queries])
        less = paired(after, before)
        row = {"left out": name, "questions": len(queries), "first stage": float(before.mean())}
        row |= {"learned": float(after.mean()), "less": less.value, "low": less.low, "high": less.high}
        yield row | dict(zip(NAMES, np.round(state["weights"], 3).tolist(), strict=True))
