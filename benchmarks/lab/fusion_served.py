"""Time that Fuse adds to encodings that are there, for each method of the lab, and a stream's late rounds.

A fusion by each method is learned from 64 made things of three texts and served by one local server, which
has processes of its own. A call fuses one thing of three parts, by the Python client, one in flight; all
methods take turns within each round. The method alone runs in this process on the same arrays, so the table
says what of a call is the method and what is serving. Streams have a part in each request. What the weights
have learned changes no time, so training is one step.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback_contract.arrays import Array
from tieback_contract.encodings import Encoding
from tieback_lab.client import Client, FusedThings
from tieback_lab.contract.fusion import Thing, ThingPart
from tieback_lab.methods.fusion import fusions, takes_condition, takes_names
from tieback_lab.models.learned.fusion import LearnedFusion

from benchmarks.report import BOOTSTRAP, Report, Tried
from benchmarks.served import served
from benchmarks.statistics import median, median_ratio, percentile

SPACE = "all-minilm-l6-v2"
TEXTS = {
    "title": "A red boot of soft leather, in size nine.",
    "note": "Sold as it is; it was worn once.",
    "place": "Third shelf from the door.",
}
THINGS, WARM_UP = 64, 5
PAPERS = {
    **{"iitf": 2, "notellm2": 5, "cat": 6, "clhe": 7, "align": 13, "ptunifier": 14, "imgany": 27},
    **{"cross_attention": 33, "lstm": 40, "multimodn": 57, "contextual": 66},
}
IN_TURN = ("lstm", "multimodn")
EARLY, MIDDLE, LATE = 2, 50, 500
"""Rounds of a stream. The first come while it is still being opened, so one in the middle is shown too."""
TARGET, LATE_TARGET = "<= 2", "<= 1.2"
Side = Callable[[], object]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=20, help="rounds, in each of which all take turns [20]")
    parser.add_argument("--calls", type=int, default=40, help="measured calls of a turn [40]")
    parser.add_argument("--streams", type=int, default=100, help=f"streams of {LATE} rounds [100]")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        made = {method: _learned(method, Path(folder)) for method in fusions.names()}
        settings = {
            "TIEBACK_EXTENSIONS": "lab", "TIEBACK_BINDING": "none", "TIEBACK_GENERATOR": "none",
            "TIEBACK_RERANKERS": "none", "TIEBACK_ARTIFACTS": ",".join(map(str, made.values())),
        }  # fmt: skip
        alone = {method: _alone(path) for method, path in made.items()}
        with (
            served(local=True, spaces=[SPACE], settings=settings) as server,
            Client(server.address, timeout=60) as client,
        ):
            whole = dict(zip(TEXTS, client.encode(list(TEXTS.values()), space=SPACE), strict=True))
            calls = {method: _call(client, method, whole) for method in made}
            samples = _measured({**calls, **{_of(one): side for one, side in alone.items()}}, options)
            computed = {method: _computed(client, method, whole, options.calls) for method in made}
            streams = {method: _streamed(client, method, whole, options) for method in IN_TURN}
            rounds = _rounds(client, whole["title"], options.streams)
    for method in made:
        _claim(report, method, "a call of Fuse of one thing of three parts", samples[method])
    for method, turns in streams.items():
        _claim(report, method, "a part of a FuseStream", turns)
    for before in (EARLY, MIDDLE):
        report.claim(
            f"40 lstm: time of round {LATE} of a FuseStream by that of round {before}",
            median_ratio(rounds[LATE], rounds[before]), "times", LATE_TARGET,
            interval=BOOTSTRAP, of=_tried("lstm"), note=f"p50 of {options.streams} streams",
        )  # fmt: skip
    title = f"milliseconds, {options.rounds} rounds of {options.calls}, one in flight"
    report.table(title, [_row(method, samples, computed[method]) for method in made])
    report.table(
        f"milliseconds of a request with one part, {options.rounds} streams of three",
        [
            {"method": one, **median(turns).row("p50"), "p90": percentile(turns, 90)}
            for one, turns in streams.items()
        ],
    )
    report.table(
        f"milliseconds of a round, {options.streams} streams by lstm",
        [{"round": number, "p50": float(np.median(took))} for number, took in rounds.items()],
    )
    return report


def _claim(report: Report, method: str, added: str, rounds: list[list[float]]) -> None:
    number = f"{PAPERS[method]} " if method in PAPERS else ""
    report.claim(
        f"{number}{method}: {added} adds, p50", median(rounds), "ms", TARGET,
        interval=BOOTSTRAP, of=_tried(method), note="encodings at hand, local server",
    )  # fmt: skip


def _tried(method: str) -> Tried | None:
    return Tried(PAPERS[method], "ours", product=True, data="generated") if method in PAPERS else None


def _row(method: str, samples: Mapping[str, list[list[float]]], computed: float) -> dict[str, Any]:
    called, alone = samples[method], samples[_of(method)]
    return {
        "method": method,
        **median(called).row("p50"),
        "p90": percentile(called, 90),
        "of it in the service, p50": computed,
        "the method alone, p50": median(alone).value,
    }


def _of(method: str) -> str:
    return f"{method} alone"


def _name(method: str) -> str:
    """The name of the fusion by a method."""
    return method.replace("_", "-")


def _learned(method: str, folder: Path) -> Path:
    """An artifact by the method, of that name."""
    lines = []
    for number in range(THINGS):
        parts = {name: f"{text} {number}" for name, text in TEXTS.items()}
        line: dict[str, Any] = {"parts": parts, "label": str(number % 2)}
        if takes_condition(method):
            line["condition"] = f"Is it number {number}?"
        lines.append(json.dumps(line))
    data = folder / f"{method}.jsonl"
    data.write_text("\n".join(lines))
    parameters: dict[str, Any] = {"name": _name(method), "method": method, "spaces": [SPACE]}
    parameters |= {} if takes_names(method) else {"steps": 1}
    return train(
        "fusion", parameters, cards=Catalog.load().encoders(), store=Store(), data=[data],
        output=folder / _name(method), say=lambda _: None,
    ).folder  # fmt: skip


def _alone(folder: Path) -> Side:
    """The method in this process."""
    fusion = LearnedFusion.load(folder, Catalog.load().encoders())
    draw = np.random.default_rng(0)

    def unit(*shape: int) -> Array:
        rows = draw.normal(size=shape).astype(np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))

    rows = [unit(1, 1, width) for width in fusion.widths]
    there = [np.ones((1, 1), bool) for _ in rows]
    condition = unit(1, len(fusion.state["ask"])) if fusion.description.condition else None
    return lambda: fusion.fused(rows, there, condition)


def _call(client: Client, method: str, whole: Mapping[str, Encoding]) -> Callable[[], FusedThings]:
    asked = whole["note"] if takes_condition(method) else None
    thing = Thing([ThingPart(name, one) for name, one in whole.items()], condition=asked)
    return lambda: client.fuse_parts(_name(method), [thing])


def _computed(client: Client, method: str, whole: Mapping[str, Encoding], calls: int) -> float:
    """Milliseconds that the service says of a call."""
    call = _call(client, method, whole)
    return float(np.median([1e3 * call().timing.total for _ in range(calls)]))


def _measured(sides: Mapping[str, Side], options: argparse.Namespace) -> dict[str, list[list[float]]]:
    """Milliseconds by side, round and call."""
    samples: dict[str, list[list[float]]] = {name: [] for name in sides}
    order = list(sides)
    for number in range(options.rounds):
        first = number % len(order)
        for name in order[first:] + order[:first]:
            for _ in range(WARM_UP):
                sides[name]()
            samples[name].append([_timed(sides[name]) for _ in range(options.calls)])
    return samples


def _streamed(
    client: Client, method: str, whole: Mapping[str, Encoding], options: argparse.Namespace
) -> list[list[float]]:
    """Milliseconds by stream and part, the first of a stream included."""
    given = [{name: one} for name, one in whole.items()]
    taken = []
    for _ in range(WARM_UP + options.rounds):
        with client.fuse_stream(_name(method), given) as replies:
            taken.append([_timed(lambda: next(replies)) for _ in given])
    return taken[WARM_UP:]


def _rounds(client: Client, part: Encoding, streams: int) -> dict[int, list[float]]:
    """Milliseconds of some rounds, by stream."""
    kept: dict[int, list[float]] = {EARLY: [], MIDDLE: [], LATE: []}
    for _ in range(streams):
        with client.fuse_stream("lstm", ({"title": part} for _ in range(LATE))) as replies:
            for number in range(1, LATE + 1):
                took = _timed(lambda: next(replies))
                if number in kept:
                    kept[number].append(took)
    return kept


def _timed(side: Side) -> float:
    begun = time.perf_counter()
    side()
    return 1e3 * (time.perf_counter() - begun)
