"""What an explanation costs, and how much of a call its steps account for.

Questions of a judged collection of --data are asked with and without `explain`, in turns, of a server that is
started for it with its encoding cache off: through Retrieve by several plans, and through Search by vector
and words. The cost is held in processor time of server and client together, which other work on the machine
changes less than it changes the time that passes; the ratio is that of the sums over all questions, with an
interval by drawing questions. The steps are held against the server's own time: spaces encode side by side,
so that what counts is how much of the time is within a step.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback_client import Client, RetrievalResult, SearchResult, Timing, VectorKind

from benchmarks.pipeline import UNCACHED
from benchmarks.pipeline.collections import read
from benchmarks.pipeline.judged import DataError, Judged
from benchmarks.report import Report
from benchmarks.served import StartError, started
from benchmarks.statistics import DRAWS, Interval

NO_GENERATOR = UNCACHED | {"TIEBACK_GENERATOR": "none"}
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
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="judged collections")
    parser.add_argument("--only", default="med", metavar="NAME", help="the collection")
    parser.add_argument("--questions", type=int, default=30, help="so many of its questions")
    parser.add_argument("--calls", type=int, default=7, help="calls of each, on each side")


def run(options: argparse.Namespace) -> Report:
    try:
        collections = [one for one in read(options.data) if one.name.startswith(options.only)]
    except DataError as error:
        raise SystemExit(f"explain: --data: {error}") from None
    if not collections:
        raise SystemExit(f"explain: --only: no collection's name begins with {options.only!r}")
    return measured(collections[0], options.questions, options.calls)


def measured(judged: Judged, most: int, calls: int, spaces: Sequence[str] = ()) -> Report:
    """Asks the first questions of a collection, on a server of `spaces`, by default all."""
    report = Report()
    questions = [one for one in judged.answerable if one.words][:most]
    with tempfile.TemporaryDirectory() as store:
        try:
            with (
                started(Path(store), local=True, spaces=spaces, settings=NO_GENERATOR) as one,
                (server := one.ready()).client() as client,
            ):
                used = processor_clock(server.pid)
                rows = [
                    _row(report, name, [ask(one.words) for one in questions], calls, used)
                    for name, ask in _ways(client, judged).items()
                ]
                report.table(f"{judged.name}, {len(questions)} questions: a call and its steps", rows)
        except StartError as error:
            report.claim("the server starts", None, "", ">= 1", note=str(error))
    return report


def _ways(client: Client, judged: Judged) -> dict[str, Callable[[str], Asked]]:
    """How words are asked for, by name, of collections that are made of the documents."""
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
    report.claim(f"{name}: explained over not", cost.value, "", MOST_COST, low=cost.low, high=cost.high)
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
    drawn = np.random.default_rng(0).integers(0, len(taken), (DRAWS, len(taken)))
    sums = taken[drawn].sum(axis=1)
    low, high = np.percentile(sums[:, 1] / sums[:, 0], [2.5, 97.5])
    return Interval(float(taken[:, 1].sum() / taken[:, 0].sum()), float(low), float(high))


def covered(timing: Timing) -> float:
    """The share of a call's time at the server within some step that makes up the whole of it."""
    inside, reached = 0.0, 0.0
    for stage in sorted(timing.stages, key=lambda one: one.begin):
        if not stage.within:
            end = stage.begin + stage.seconds
            inside += max(end - max(stage.begin, reached), 0.0)
            reached = max(reached, end)
    return inside / timing.total
