"""Time that serving adds to one short text, one call at a time: the platform against bare ONNX Runtime.

`tieback serve --local` and `tieback serve` on Ray Serve are measured one after the other, each with nothing
else running: an idle Ray cluster beside it would slow the local server by what a cluster does when idle.
Three sides take turns within each round: `session.run` on tokens (bare), the same with tokenising, and a call
by the Python client with the server in processes of its own. All compute the same graph from the same file on
one thread, and the vectors are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tieback.catalog.catalog import Catalog
from tieback.core.types.encoding import Truncation
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer
from tieback_client import Client

from benchmarks.report import Report
from benchmarks.served import StartError, served
from benchmarks.statistics import median, median_difference, percentile

SPACE = "all-minilm-l6-v2"
TEXT = "A man is playing a guitar on the stage."
LOCAL_TARGET, RAY_TARGET = "<= 0.8", "<= 2"
WARM_UP = 5
FLOAT32 = {"TIEBACK_PRECISION": "float32"}
BARE, TOKENISED, LOCAL, RAY = "bare session", "bare session and tokeniser", "local", "Ray Serve"

Vector = NDArray[np.float32]
Side = Callable[[], Vector]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rounds", type=int, default=20, help="rounds, in each of which every side has a turn"
    )
    parser.add_argument("--calls", type=int, default=40, help="measured calls of a turn")
    parser.add_argument("--text", default=TEXT, help="the text to encode")
    parser.add_argument("--no-ray", action="store_true", help="leave the Ray Serve side out")


def run(options: argparse.Namespace) -> Report:
    report = Report()
    bare = _bare(options.text)
    for name, local, target in ((LOCAL, True, LOCAL_TARGET), (RAY, False, RAY_TARGET)):
        claim = f"{name} adds to the bare session, p50"
        if not local and options.no_ray:
            report.claim(claim, None, "ms", target, note="left out by --no-ray")
            continue
        try:
            with served(local=local, settings=FLOAT32) as server, server.client() as client:
                sides = bare | {name: _through(client, options.text)}
                samples = _measure(sides, options.rounds, options.calls)
        except StartError as error:
            report.claim(claim, None, "ms", target, note=str(error))
            continue
        title = f"{name}: milliseconds a call, {options.rounds} rounds of {options.calls}, one in flight"
        report.table(title, [_row(side, samples) for side in samples])
        added = median_difference(samples[name], samples[BARE])
        note = "interval by drawing rounds; tokenising is on the served side alone"
        report.claim(claim, added, "ms", target, note=note)
    return report


def _row(side: str, samples: dict[str, list[list[float]]]) -> dict[str, object]:
    middle = median(samples[side])
    return {
        "side": side,
        "p50": middle.value,
        "low": middle.low,
        "high": middle.high,
        "p90": percentile(samples[side], 90),
        "min": percentile(samples[side], 0),
        "adds to bare (p50)": median_difference(samples[side], samples[BARE]).value,
        "adds to tokenised (p50)": median_difference(samples[side], samples[TOKENISED]).value,
    }


def _bare(text: str) -> dict[str, Side]:
    """The graph as it is served, without anything around it; on tokens, and on a text."""
    card = next(card for card in Catalog.load().encoders() if card.name == SPACE)
    model = Store().open(card)
    session = Session(model.path("model.onnx"))
    tokenizer = TextTokenizer(model.path("tokenizer.json"), max_tokens=card.max_tokens, special_tokens=True)

    def tokens() -> dict[str, NDArray[np.int64]]:
        ids = tokenizer(text, Truncation.REFUSE)[0].ids[None]
        return {"input_ids": ids, "attention_mask": np.ones_like(ids)}

    ready = tokens()
    return {
        BARE: lambda: session.run(["dense"], ready)[0][0],
        TOKENISED: lambda: session.run(["dense"], tokens())[0][0],
    }


def _through(client: Client, text: str) -> Side:
    """A call of the platform, as a user makes it, but for the cache: that one text would be in it."""
    return lambda: client.encode(text, space=SPACE, cache="bypass").vectors[0]


def _measure(sides: dict[str, Side], rounds: int, calls: int) -> dict[str, list[list[float]]]:
    """Milliseconds per side, round and call. Raises where two sides disagree on the vector."""
    expected = sides[BARE]()
    for name, call in sides.items():
        cosine = float(call() @ expected)
        if cosine < 0.9999:
            raise RuntimeError(f"{name} computes something else: cosine {cosine:.5f} to the bare session")
    samples: dict[str, list[list[float]]] = {name: [] for name in sides}
    order = list(sides)
    for number in range(rounds):
        for name in order[number % len(order) :] + order[: number % len(order)]:
            call = sides[name]
            for _ in range(WARM_UP):
                call()
            turn = []
            for _ in range(calls):
                begun = time.perf_counter()
                call()
                turn.append(1e3 * (time.perf_counter() - begun))
            samples[name].append(turn)
    return samples
