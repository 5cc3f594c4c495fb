"""What serving adds to one short text, one call at a time: the platform against bare ONNX Runtime.

Four sides take turns within each round: `session.run` on tokens (bare), the same with tokenising, a call
through `tieback serve --local` and one through `tieback serve` on Ray Serve, both by the Python client with
the server in processes of its own. All four compute the same graph from the same file on one thread, and the
vectors are compared.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from tieback.catalog.catalog import Catalog
from tieback.core.types import Truncation
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.tokenization import TextTokenizer
from tieback_client import Client

from benchmarks.report import Report
from benchmarks.served import StartError, served
from benchmarks.statistics import median, median_difference, percentile

SPACE = "all-minilm-l6-v2"
TEXT = "A man is playing a guitar on the stage."
LOCAL_TARGET, RAY_TARGET = "<= 1.5", "<= 4"
WARM_UP = 5
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
    sides = _bare(options.text)
    absent: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        for name, local in ((LOCAL, True), (RAY, False)):
            if not local and options.no_ray:
                absent[name] = "left out by --no-ray"
                continue
            try:
                server = stack.enter_context(served(local=local))
            except StartError as error:
                absent[name] = str(error)
                continue
            client = stack.enter_context(server.client())
            sides[name] = _through(client, options.text)
        samples = _measure(sides, options.rounds, options.calls)

    report.table(
        f"milliseconds a call, {options.rounds} rounds of {options.calls} calls, one in flight",
        [
            {
                "side": name,
                "p50": (middle := median(rounds)).value,
                "low": middle.low,
                "high": middle.high,
                "p90": percentile(rounds, 90),
                "min": percentile(rounds, 0),
                "adds to bare (p50)": median_difference(rounds, samples[BARE]).value,
                "adds to tokenised (p50)": median_difference(rounds, samples[TOKENISED]).value,
            }
            for name, rounds in samples.items()
        ],
    )
    for name, target in ((LOCAL, LOCAL_TARGET), (RAY, RAY_TARGET)):
        claim = f"{name} adds to the bare session, p50"
        if name in absent:
            report.claim(claim, None, "ms", target, note=absent[name])
        else:
            added = median_difference(samples[name], samples[BARE])
            note = "interval by drawing rounds; tokenising is on the served side alone"
            report.claim(claim, added.value, "ms", target, low=added.low, high=added.high, note=note)
    return report


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
    """A call of the platform, as a user makes it."""
    return lambda: client.encode(text, space=SPACE).vectors[0]


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
