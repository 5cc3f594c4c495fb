"""How good each way to order the hits is: nDCG@10, recall@100 and time, on judged collections.

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
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.types.search import NAMES
from tieback.recipes.train.judged_candidates import JudgedQuestion, dcg, first_stage, learned, scores
from tieback_client import Client
from tieback_client.values.results import RetrievalResult
from tieback_lab.recipes.trained.ranker import SIGNALS_READ

from benchmarks.binding.measures import paired
from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.collections import read
from benchmarks.pipeline.judged import DataError, Judged, Question
from benchmarks.pipeline.library import mixed_library
from benchmarks.pipeline.measures import BEST, items_of, ndcg
from benchmarks.report import Report
from benchmarks.served import StartError, started

SETTINGS = {"TIEBACK_GENERATOR": "none", "TIEBACK_CACHE_BYTES": "0"}
"""Without a cache every plan encodes the query, as the first of them does."""
FIRST, LEARNED = "first stage", "linear"
CANDIDATES, DEEP = 50, 100
FEWEST = 8
"""Questions that a reranker is asked, however long they take."""
PENALTY = {"penalty": 2.0}
MOST_MILLISECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Plan:
    """A way to order hits: arguments of `Client.retrieve`. `is_slow` plans get limited time."""

    name: str
    arguments: Mapping[str, Any]
    is_slow: bool = False


@dataclass(slots=True)
class Answered:
    """Of one plan, by question: nDCG@10, recall@100 and milliseconds of a query for ten hits."""

    ndcg: dict[int, float] = field(default_factory=dict)
    recall: list[float] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="judged collections")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="of the collections, those whose name begins so"
    )
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
    try:
        collections = [*read(options.data), mixed_library()]
    except DataError as error:
        raise SystemExit(f"retrieval: --data: {error}") from None
    if options.only:
        collections = [one for one in collections if one.name.startswith(tuple(options.only))]
    collections = [one for one in map(_with_words, collections) if one.questions]
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
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=spaces, settings=SETTINGS) as one,
                one.ready().client() as client,
            ):
                _measure(report, client, collections, seconds, only)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
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
) -> dict[str, Answered]:
    found = {plan.name: Answered() for plan in plans}
    spent = dict.fromkeys(found, 0.0)
    # In another order than the file's, so that a slow plan gets a sample.
    for place in np.random.default_rng(0).permutation(len(judged.questions)).tolist():
        question = judged.questions[place]
        for plan in plans:
            answered = found[plan.name]
            if plan.is_slow and spent[plan.name] > seconds and len(answered.ndcg) >= FEWEST:
                continue
            begun = time.perf_counter()
            result = client.retrieve(name, contents(question.query), limit=BEST, **plan.arguments)
            spent[plan.name] += time.perf_counter() - begun
            answered.milliseconds.append(1e3 * (time.perf_counter() - begun))
            answered.ndcg[place] = ndcg(_items(result), question.grades)
            if deep and not plan.is_slow:
                further = client.retrieve(name, contents(question.query), limit=DEEP, **plan.arguments)
                relevant = sum(item in question.grades for item in _items(further))
                answered.recall.append(relevant / len(question.grades))
    return found


def _items(result: RetrievalResult) -> list[str]:
    return items_of(one.hit.item_id for one in result.hits)


def _rows(judged: Judged, found: Mapping[str, Answered]) -> Iterator[Mapping[str, Any]]:
    first = found[FIRST]
    for name, answered in found.items():
        row: dict[str, Any] = {"collection": judged.name, "plan": name, "questions": len(answered.ndcg)}
        row["nDCG@10"] = float(np.mean(list(answered.ndcg.values())))
        less = paired(*_both(answered, first))
        row |= {"less first": less.value, "low": less.low, "high": less.high}
        row["recall@100"] = float(np.mean(answered.recall)) if answered.recall else None
        row["p50 ms"] = float(np.median(answered.milliseconds))
        row["times first"] = row["p50 ms"] / float(np.median(first.milliseconds))
        yield row


def _both(one: Answered, other: Answered) -> tuple[Any, Any]:
    """The nDCG of both for the questions that the one was asked."""
    places = list(one.ndcg)
    return np.array([one.ndcg[p] for p in places]), np.array([other.ndcg[p] for p in places])


def _claims(report: Report, judged: Judged, found: Mapping[str, Answered]) -> None:
    ranked, first = found[f"learned {LEARNED}"], found[FIRST]
    less = paired(*_both(ranked, first))
    note = f"{len(ranked.ndcg)} questions"
    report.claim(
        f"{judged.name}: nDCG@10 of the learned ranking less the first stage",
        less.value,
        "",
        "> 0",
        low=less.low,
        high=less.high,
        note=note,
    )
    milliseconds = float(np.median(ranked.milliseconds))
    report.claim(
        f"{judged.name}: p50 of a query with the learned ranking",
        milliseconds,
        "ms",
        f"<= {MOST_MILLISECONDS:g}",
        note=note,
    )
    if judged.name == "cranfield":
        for answered, what, target in ((first, "first stage", 0.405), (ranked, "learned ranking", 0.42)):
            value = float(np.mean(list(answered.ndcg.values())))
            report.claim(f"cranfield: nDCG@10 of the {what}", value, "", f">= {target}", note=note)


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
