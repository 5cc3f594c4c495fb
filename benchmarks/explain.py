"""Cost of an explanation, and the share of a call that its steps account for.

Questions of a judged collection of --data are asked with and without `explain`, in turns, of a server that is
started for it with its encoding cache off: through Retrieve by several plans, and through Search by vector
and words. The cost is held in processor time of server and client together, which other work on the machine
changes less than it changes the time that passes; the ratio is that of the sums over all questions, with an
interval by drawing questions. The steps are held against the server's own time: spaces encode side by side,
so that what counts is how much of the time is within a step.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from tieback_client import Client, RetrievalResult, SearchResult, Timing, VectorKind

from benchmarks.data_folder import DataError
from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import Judged
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, served
from benchmarks.statistics import Interval, bootstrap

MOST_COST, LEAST_COVERED = "<= 1.05", ">= 0.95"

PLANS: Mapping[str, Mapping[str, Any]] = {
    "the default": {},
    "feedback and diversity": {"query_expansion": "rocchio", "diversity": 0.3},
    "reranked": {"reranker": "late_interaction"},
}
SEARCH = "Search, vector and words"
RETRIEVED, SEARCHED = "retrieved", "searched"

Asked = Callable[[bool], RetrievalResult | SearchResult]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser, only=["med"])
    parser.add_argument("--questions", type=int, default=30, help="so many of its questions")
    parser.add_argument("--calls", type=int, default=7, help="calls of each, on each side")


def run(options: argparse.Namespace) -> Report:
    collections = collections_of(options)
    if not collections:
        raise DataError(f"no collection's name begins with {' or '.join(options.only)}")
    return measured(collections[0], options.questions, options.calls)


def measured(judged: Judged, most: int, calls: int, spaces: Sequence[str] = ()) -> Report:
    """Asks the first questions of a collection, on a server of `spaces`, by default all."""
    report = Report()
    questions = [one for one in judged.answerable if one.words][:most]
    with (
        served(local=True, spaces=spaces, settings=NO_GENERATOR | UNCACHED) as server,
        server.client() as client,
    ):
        used = processor_clock(server.pid)
        rows = [
            _row(report, name, [ask(one.words) for one in questions], calls, used)
            for name, ask in _ways(client, judged).items()
        ]
    report.table(f"{judged.name}, {len(questions)} questions: a call and its steps", rows)
    return report


def _ways(client: Client, judged: Judged) -> dict[str, Callable[[str], Asked]]:
    """Ways to ask for words, by name, of collections that are made of the documents."""
    items = [one.item for one in judged.documents]
    client.ingest(RETRIEVED, items).collect()
    space = next(
        one.name for one in client.spaces() if "text" in one.modalities and VectorKind.DENSE in one.kinds
    )
    client.ingest(SEARCHED, items, space=space).collect()

    def retrieve(plan: Mapping[str, Any]) -> Callable[[str], Asked]:
        return lambda words: lambda explain: client.retrieve(RETRIEVED, words, explain=explain, **plan)

    def search(words: str) -> Asked:
        vector = client.encode(words, space=space)[0].vector
        return lambda explain: client.search(SEARCHED, vector=vector, text=words, explain=explain)

    return {f"Retrieve, {name}": retrieve(plan) for name, plan in PLANS.items()} | {SEARCH: search}


def _row(
    report: Report, name: str, asked: Sequence[Asked], calls: int, used: Callable[[], float]
) -> dict[str, Any]:
    """Asks every question with and without an explanation, and makes the claims.

    `used` says how many seconds of processor time were used so far.
    """
    processor = np.zeros((len(asked), 2))
    milliseconds: tuple[list[float], list[float]] = ([], [])
    shares: list[float] = []
    for place, ask in enumerate(asked):
        for number in range(2 * calls + 2):
            explain = (number + number // 2) % 2  # each side is first in every other pair
            before, begun = used(), time.perf_counter()
            found = ask(bool(explain))
            seconds, taken = time.perf_counter() - begun, used() - before
            if number > 1:  # the first pair warms up
                processor[place, explain] += taken
                milliseconds[explain].append(1e3 * seconds)
                shares += [covered(found.timing)] if explain else []
    cost, share = _ratio(processor), float(np.median(shares))
    report.claim(f"{name}: explained over not", cost, "", MOST_COST)
    report.claim(f"{name}: share of the server's time within a step", share, "", LEAST_COVERED)
    plain, explained = 1e3 * processor.sum(axis=0) / (len(asked) * calls)
    return {
        "asked by": name,
        "processor ms, plain": float(plain),
        "processor ms, explained": float(explained),
        "p50 ms, plain": float(np.median(milliseconds[0])),
        "p50 ms, explained": float(np.median(milliseconds[1])),
        "share within a step": share,
        "lowest share": min(shares),
    }


def processor_clock(pid: int) -> Callable[[], float]:
    """Seconds of processor time of another process and of this one, to the nanosecond."""
    clock = (~pid << 3) | 2  # as clock_getcpuclockid makes it
    return lambda: time.clock_gettime(clock) + time.process_time()


def _ratio(taken: Any) -> Interval:
    """Of the sums over questions `[questions, 2]`; questions are drawn with replacement."""

    def ratio(places: Any) -> float:
        plain, explained = taken[places].sum(axis=0)
        return float(explained / plain)

    return bootstrap(len(taken), ratio)


def covered(timing: Timing) -> float:
    """The share of a call's time at the server within some step that makes up the whole of it."""
    inside, reached = 0.0, 0.0
    for stage in sorted(timing.stages, key=lambda one: one.begin):
        if not stage.within:
            end = stage.begin + stage.seconds
            inside += max(end - max(stage.begin, reached), 0.0)
            reached = max(reached, end)
    return inside / timing.total
