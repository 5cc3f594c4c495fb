"""Whether feedback helps: nDCG@10 with it, without it, and without its guard, on judged collections.

The collections of --data are laid out as benchmarks/pipeline/collections.py says. Their questions are `dev`
and `held-out` in turn, in the order of their files; parameters of the method were chosen on `dev` halves.
They are asked through SDK, wire and index, of a server that is started for it. Differences to the search
without feedback have 95 % paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import Client
from tieback_contract.method_choice import is_chosen

from benchmarks.binding.measures import paired
from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.collections import read
from benchmarks.pipeline.judged import DEV, HELD_OUT, DataError, Judged, Question
from benchmarks.pipeline.measures import BEST, items_of, ndcg
from benchmarks.report import Report
from benchmarks.served import StartError, started

NO_GENERATOR = {"TIEBACK_GENERATOR": "none"}
PLAIN, GUARDED, EVERY = "no feedback", "with the guard", "every query"
PLANS: Mapping[str, Any] = {PLAIN: "none", GUARDED: "rocchio", EVERY: ("rocchio", {"agreement": 0})}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a plan found for a question: its nDCG@10, and whether the query was expanded."""

    ndcg: float
    expanded: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="judged collections")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="of the collections, those whose name begins so"
    )


def run(options: argparse.Namespace) -> Report:
    try:
        collections = read(options.data)
    except DataError as error:
        raise SystemExit(f"feedback: --data: {error}") from None
    if options.only:
        collections = [one for one in collections if one.name.startswith(tuple(options.only))]
    return measured(collections)


def measured(collections: Sequence[Judged], spaces: Sequence[str] = ()) -> Report:
    """Measures the collections on a server of `spaces`, by default all."""
    report = Report()
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=spaces, settings=NO_GENERATOR) as one,
                one.ready().client() as client,
            ):
                rows = [
                    row
                    for number, judged in enumerate(collections)
                    for row in _halves(report, client, f"bench-{number}", judged)
                ]
                report.table("nDCG@10 by half", rows)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
    return report


def _halves(report: Report, client: Client, name: str, judged: Judged) -> Iterator[Mapping[str, Any]]:
    """A row for each half of a collection, and the claim that feedback does not hurt the held-out one."""
    client.ingest(name, [one.item for one in judged.documents]).collect()
    halves: dict[str, list[Question]] = {DEV: [], HELD_OUT: []}
    for place, question in enumerate(judged.answerable):
        halves[(DEV, HELD_OUT)[place % 2]].append(question)
    for half, questions in halves.items():
        if not questions:
            continue
        found = {plan: [_ask(client, name, one, plan) for one in questions] for plan in PLANS}
        values = {plan: np.array([one.ndcg for one in answers]) for plan, answers in found.items()}
        row: dict[str, Any] = {"collection": judged.name, "half": half, "questions": len(questions)}
        row |= {plan: float(scores.mean()) for plan, scores in values.items()}
        for plan in (GUARDED, EVERY):
            less = paired(values[plan], values[PLAIN])
            row |= {f"{plan}, less": less.value, f"{plan}, low": less.low, f"{plan}, high": less.high}
        row["share expanded"] = float(np.mean([one.expanded for one in found[GUARDED]]))
        yield row
        if half == HELD_OUT:
            report.claim(
                f"{judged.name}: nDCG@10 with the guard less that without feedback, held-out half",
                row[f"{GUARDED}, less"],
                "",
                ">= 0",
                low=row[f"{GUARDED}, low"],
                high=row[f"{GUARDED}, high"],
                note=f"{len(questions)} questions",
            )


def _ask(client: Client, name: str, question: Question, plan: str) -> Answered:
    limit = BEST + len(question.own)
    found = client.retrieve(name, contents(question.query), limit=limit, query_expansion=PLANS[plan])
    items = items_of((one.hit.item_id for one in found.hits), question.own)
    return Answered(ndcg(items, question.grades), is_chosen(found.plan.options.query_expansion))
