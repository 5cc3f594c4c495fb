"""Gain by feedback: nDCG@10 with it, without it, and without its guard, on judged collections.

The collections of --data are laid out as benchmarks/pipeline/collections.py says. Their questions are `dev`
and `held-out` in turn, in the order of their files; parameters of the method were chosen on `dev` halves.
They are asked through SDK, wire and index, of a server that is started for it. Differences to the search
without feedback have 95 % paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieback_client import Client
from tieback_contract.method_choice import is_chosen

from benchmarks.pipeline.asking import contents
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import DEV, HELD_OUT, Judged, Question
from benchmarks.pipeline.measures import BEST, items_of, ndcg
from benchmarks.pipeline.turns import Plan, ask_in_turns, mean, more
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

PLAIN, GUARDED, EVERY = "no feedback", "with the guard", "every query"
EXPANSIONS = {PLAIN: "none", GUARDED: "rocchio", EVERY: ("rocchio", {"agreement": 0})}
PLANS = [Plan(name, {"query_expansion": how}) for name, how in EXPANSIONS.items()]


@dataclass(frozen=True, slots=True)
class Answered:
    """Result of a plan for a question: its nDCG@10, and whether the query was expanded."""

    ndcg: float
    expanded: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser)


def run(options: argparse.Namespace) -> Report:
    return measured(collections_of(options))


def measured(collections: Sequence[Judged], spaces: Sequence[str] = ()) -> Report:
    """Measures the collections on a server of `spaces`, by default all."""
    report = Report()
    with asking(spaces=spaces, settings=NO_GENERATOR) as client:
        rows = [
            row
            for number, judged in enumerate(collections)
            for row in _halves(report, client, f"bench-{number}", judged)
        ]
        report.table("nDCG@10 by half", rows)
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
        found = ask_in_turns(questions, PLANS, lambda question, plan: _ask(client, name, question, plan))
        row: dict[str, Any] = {"collection": judged.name, "half": half, "questions": len(questions)}
        row |= {plan: mean(answers, _ndcg) for plan, answers in found.items()}
        less = {plan: more(found[plan], found[PLAIN], _ndcg) for plan in (GUARDED, EVERY)}
        for plan, one in less.items():
            row |= one.row(f"{plan}, less", plan)
        yield row | {"share expanded": mean(found[GUARDED], lambda one: one.expanded)}
        if half == HELD_OUT:
            title = f"{judged.name}: nDCG@10 with the guard less that without feedback, held-out half"
            report.claim(title, less[GUARDED], "", ">= 0", note=f"{len(questions)} questions")


def _ndcg(one: Answered) -> float:
    return one.ndcg


def _ask(client: Client, name: str, question: Question, plan: Plan) -> Answered:
    limit = BEST + len(question.own)
    found = client.retrieve(name, contents(question.query), limit=limit, **plan.arguments)
    items = items_of((one.hit.item_id for one in found.hits), question.own)
    return Answered(ndcg(items, question.grades), is_chosen(found.plan.options.query_expansion))
