"""Decisions to answer, to give the item itself, to search again, or to abstain, and how often they are right.

--data has `answerable/dev.jsonl`. The passages of each of its sets are a collection, and Answer is asked,
through SDK, wire and service, of a server that is started for it: a question of its own collection, which is
to be answered; the same without the passage that has the answer, for which another search may help; the same
of another set's collection, where nothing bears on it; and a phrase that asks for the item on a name, in
words that are not among those which the decision was learned from. Questions whose passage has no answer are
counted apart: not to answer them is right.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import AnswerAction, AnswerStyle, Client, Decision, Grounding, InvalidArgument, Item
from tieback_contract.method_choice import MethodLike

from benchmarks.classification import auc
from benchmarks.data_folder import add_data, data_of, evenly, laid_out, read_rows
from benchmarks.generation import HOLDS
from benchmarks.report import Report
from benchmarks.served import asking
from benchmarks.statistics import bootstrap

METHODS: Mapping[str, MethodLike] = {
    "thresholds": "thresholds",
    "linear": "linear",
    "linear, hidden": ("linear", {"hidden": True}),
}
REQUESTS = (
    "Bring up what we have about {}", "Please send me the paper on {}", "Is there a report on {}?",
    "Display the record of {}", "I need the document that covers {}", "{} (document)",
)  # fmt: skip
NAME = re.compile(r"\b[A-Z][\w'’-]+(?:\s+(?:of\s+|the\s+)?[A-Z][\w'’-]+)*")
MOST_F1 = 0.9
"""The aim is that of method 22's check: F1 of its decision."""


@dataclass(frozen=True, slots=True)
class Row:
    """A question with its passage; `item` is the passage's place in the collection of its set."""

    question: str
    passage: str
    answerable: bool
    item: str


@dataclass(frozen=True, slots=True)
class Case:
    """A question to a collection, and what is to be decided; None where only an answer would be wrong."""

    collection: str
    asked: str
    filter: str
    action: AnswerAction | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", metavar="SET", help="of the sets, those whose name begins so")
    parser.add_argument("--most", type=int, default=40, metavar="N", help="questions of a set [40]")
    parser.add_argument("--passages", type=int, default=150, metavar="N", help="passages of a set [150]")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="these alone")


def run(options: argparse.Namespace) -> Report:
    sets = read(data_of(options, HOLDS) / "answerable" / "dev.jsonl", options.passages)
    sets = {name: own for name, own in sets.items() if name.startswith(tuple(options.only or ("",)))}
    report = Report()
    with asking(spaces=["all-minilm-l6-v2"]) as client:
        for name, own in sets.items():
            client.ingest(name, [Item(row.item, row.passage) for row in first_of_each(own)]).collect()
        for name in options.methods:
            measure(report, client, list(cases(sets, options.most)), name)
    return report


@laid_out()
def read(path: Path, most: int) -> dict[str, list[Row]]:
    """The questions by set whose passages are among the first so many of it."""
    found: dict[str, list[Row]] = {}
    items: dict[tuple[str, str], str] = {}
    for row in read_rows(path):
        own = found.setdefault(row["source"], [])
        key = (row["source"], row["passage"])
        count = sum(source == row["source"] for source, _ in items)
        if key not in items and count >= most:
            continue
        item = items.setdefault(key, str(count))
        own.append(Row(row["question"], row["passage"], bool(row["answerable"]), item))
    return dict(sorted(found.items()))


def first_of_each(own: Sequence[Row]) -> list[Row]:
    """A row for each passage."""
    return list({row.item: row for row in own}.values())


def cases(sets: Mapping[str, Sequence[Row]], most: int) -> Iterator[Case]:
    """The cases, set by set."""
    names = list(sets)
    for place, (name, own) in enumerate(sets.items()):
        answerable = [row for row in own if row.answerable]
        for number, row in enumerate(evenly(answerable, most)):
            yield Case(name, row.question, "", AnswerAction.ANSWER)
            yield Case(name, row.question, f'item_id != "{row.item}"', AnswerAction.SEARCH)
            if len(names) > 1:
                other = names[(place + 1 + number % (len(names) - 1)) % len(names)]
                yield Case(other, row.question, "", AnswerAction.ABSTAIN)
            topics = [match[0] for match in NAME.finditer(row.passage[:200])]
            if topics:
                request = REQUESTS[number % len(REQUESTS)].format(max(topics, key=len))
                yield Case(name, request, "", AnswerAction.ITEM)
        for row in evenly([row for row in own if not row.answerable], most):
            yield Case(name, row.question, "", None)


def measure(report: Report, client: Client, asked: Sequence[Case], name: str) -> None:
    """The rows of a method by action, and its claims; nothing where the server has not learned it."""
    try:
        found = [decided(client, one, METHODS[name]) for one in asked]
    except InvalidArgument as error:
        report.claim(f"mean F1 of the actions, {name}", None, "", f">= {MOST_F1}", note=str(error))
        return
    known = [(one, two) for one, two in zip(asked, found, strict=True) if one.action is not None]
    wanted = np.array([one.action for one, _ in known])
    chosen = np.array([two.action for _, two in known])
    table: list[dict[str, Any]] = []
    for action in AnswerAction:
        likely = np.array([two.probabilities[action] for _, two in known])
        own = wanted == action
        both = own.sum() + (chosen == action).sum()
        row = {
            "action": action.value,
            "cases": int(own.sum()),
            "recall": float((chosen[own] == action).mean()),
            "F1": float(2 * (own & (chosen == action)).sum() / max(both, 1)),
            "AUROC": auc(likely, own),
            "calibration gap": abs(float(likely.mean()) - float(own.mean())),
        }
        table.append(row | {f"decided {other}": int((chosen[own] == other).sum()) for other in AnswerAction})
    report.table(f"decisions by action, {name}", table)
    likely = np.array([two.probabilities[AnswerAction.ANSWER] for two in found])
    answers = np.array([one.action is AnswerAction.ANSWER for one in asked])
    report.claim(
        f"mean F1 of the actions, {name}", float(np.mean([row["F1"] for row in table])), "", f">= {MOST_F1}",
        note=f"{len(known)} cases; right {(wanted == chosen).mean():.3f}",
    )  # fmt: skip
    report.claim(
        f"AUROC of whether to answer, {name}",
        bootstrap(len(likely), lambda at: auc(likely[at], answers[at])), "", ">= 0.8",
        note="with the questions whose passage has no answer",
    )  # fmt: skip
    without = [
        two.action is AnswerAction.ANSWER for one, two in zip(asked, found, strict=True) if one.action is None
    ]
    if without:
        report.claim(
            *(f"questions without an answer that are to be answered, {name}", float(np.mean(without)), ""),
            "<= 0.3", note=f"of {len(without)}",
        )  # fmt: skip


def decided(client: Client, case: Case, method: MethodLike) -> Decision:
    """The decision about one case."""
    answer = client.answer(
        case.collection,
        case.asked,
        filter=case.filter,
        evidence_limit=4,
        style=AnswerStyle.QUOTE,
        grounding=Grounding(decision=method, abstain_below=0.0),
    ).collect()
    assert answer.decision is not None
    return answer.decision
