"""Cost and effect of the bits of a language model's weights: 4, 8, 16 and 32.

The catalog's generator, or another by --model, is exported with each. Every graph is loaded by a process of
its own, which reads a prompt and writes after it, on one thread. Memory is what the process has more when it
has done so than before it loaded the graph: its own pages, and those of the file that it has read, which
processes share. Times are processor times, the least of the rounds, in which all take turns. What the bits
change is against torch in float32 with the weights as they were published. With --llama-cpp, llama.cpp has
turns too, with the file itself, if the model is published as a GGUF file.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

import numpy as np
from tieback.catalog.card import GeneratorCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.runtimes.causal_language_model import CausalLanguageModel
from tieback.models.language.decoder import READ_TOKENS, Decoder
from tieback.models.language.model import GRAPH
from tieback.models.store import Store

from benchmarks.peers.llama_cpp import LlamaCpp, loaded
from benchmarks.report import BOOTSTRAP, Report
from benchmarks.statistics import spread

PROMPT, WRITTEN = 256, 48
"""Tokens that are read, and written after them."""
MEGABYTE = 1 << 20
METRICS = "metrics.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="", metavar="NAME", help="the generator; the catalog's first")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="turns of each [3]")
    parser.add_argument(
        "--llama-cpp", action="store_true", help="llama.cpp has turns too; the first time it is compiled"
    )
    parser.add_argument(
        "--kept", type=Path, metavar="DIR", help="keep the exported graphs, and take those that are there"
    )


def run(options: argparse.Namespace) -> Report:
    from tieback.recipes.export.causal_language_model import export
    from tieback.recipes.networks.llama_weights import Bits

    card = next(one for one in Catalog.load().generators() if options.model in ("", one.name))
    assert isinstance(card, GeneratorCard)
    weights, found = Store().weights(card), {}
    theirs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.kept or Path(temporary)
        for bits in get_args(Bits):
            out = folder / str(bits)
            out.mkdir(parents=True, exist_ok=True)
            if not (out / METRICS).exists():
                asked = card.options_for(CausalLanguageModel).model_copy(update={"bits": bits})
                metrics = export(card.model_copy(update={"options": asked}), weights, out, print)
                (out / METRICS).write_text(json.dumps(metrics), encoding="utf-8")
            found[bits] = json.loads((out / METRICS).read_text(encoding="utf-8"))
        turns = defaultdict(list)
        file = weights / card.options_for(CausalLanguageModel).weights
        with loaded(file, card.context_tokens) if options.llama_cpp else nullcontext() as peer:
            for _ in range(options.rounds):
                for bits in found:
                    turns[bits].append(_by_a_process(Path(folder, str(bits), GRAPH)))
                if peer is not None:
                    theirs.append(by_llama_cpp(peer))
        sizes = {bits: Path(folder, str(bits), f"{GRAPH}.data").stat().st_size for bits in found}
    report = reported(card.name, found, turns, sizes)
    if theirs:
        beside_llama_cpp(report, turns, theirs)
    return report


def by_llama_cpp(peer: LlamaCpp) -> dict[str, float]:
    """Milliseconds a token with the same prompt."""
    answered = peer.ask(prompt(), WRITTEN + 1)
    return {"read": 1000 * answered.read / PROMPT, "written": 1000 * answered.write / WRITTEN}


def beside_llama_cpp(
    report: Report, turns: dict[int, list[dict[str, float]]], theirs: list[dict[str, float]]
) -> None:
    """A table of its times, and how often as fast the graphs of 4 and 8 bits are, by rounds."""
    best = {f"a token {key}, ms": min(row[key] for row in theirs) for key in ("written", "read")}
    report.table("llama.cpp, with the file as it is published", [best])
    for bits, key, target in (
        (4, "written", ">= 1.2"),
        (8, "written", ">= 1.2"),
        (4, "read", ">= 1"),
        (8, "read", ">= 1"),
    ):
        ratios = [other[key] / own[key] for other, own in zip(theirs, turns[bits], strict=True)]
        found = spread(ratios)
        name = f"tokens {key} a second in {bits} bits, to llama.cpp"
        report.claim(name, found, "×", target, interval=BOOTSTRAP)


def reported(
    name: str,
    found: dict[int, dict[str, float]],
    turns: dict[int, list[dict[str, float]]],
    sizes: dict[int, int],
) -> Report:
    """One table, and claims of ratios."""
    report = Report()
    best = {bits: {key: min(row[key] for row in rows) for key in rows[0]} for bits, rows in turns.items()}
    report.table(
        f"{name}, by the bits of a weight",
        [
            {
                "bits": bits, "file, MB": sizes[bits] / MEGABYTE, "own memory, MB": best[bits]["own"],
                "pages of the file, MB": best[bits]["file"], "a token written, ms": best[bits]["written"],
                "a token read, ms": best[bits]["read"], "divergence, nats": metrics["drift_divergence"],
                "same first choice": metrics["drift_same_choice"],
                "loss, nats a token": metrics["loss_served"], "loss as published": metrics["loss_published"],
                "parity with torch, logits": max(v for k, v in metrics.items() if k.startswith("parity_")),
            }
            for bits, metrics in found.items()
        ],
    )  # fmt: skip
    memory = {bits: row["own"] + row["file"] for bits, row in best.items()}
    report.claim("memory of 16 bits, as a share of that of 32", memory[16] / memory[32], "", "<= 0.6")
    return report


def _by_a_process(graph: Path) -> dict[str, float]:
    made = subprocess.run(
        [sys.executable, "-m", "benchmarks.weight_bits", str(graph)],
        capture_output=True,
        check=True,
        text=True,
    )
    return dict(json.loads(made.stdout.splitlines()[-1]))


def prompt() -> list[int]:
    """Tokens that are read."""
    return [int(token) for token in np.random.default_rng(0).integers(100, 5000, PROMPT)]


def measured(graph: Path) -> dict[str, float]:
    """Memory in MB and milliseconds a token, of this process."""
    before = _memory()
    decoder = Decoder(graph)
    tokens = prompt()
    begin = time.process_time()
    streams = decoder.open({"": tokens}, room=WRITTEN)
    while not streams.read(READ_TOKENS):
        pass
    read = time.process_time()
    for _ in range(WRITTEN):
        streams.step(int(streams.logits[""][0].argmax()))
    end, after = time.process_time(), _memory()
    return {
        **{name: after[name] - before[name] for name in after},
        "read": 1000 * (read - begin) / PROMPT,
        "written": 1000 * (end - read) / WRITTEN,
    }


def _memory() -> dict[str, float]:
    said = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8")
    kilobytes = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", said, re.M)}
    own = kilobytes["Anonymous"]
    return {"own": own / 1024, "file": (kilobytes["Pss"] - own) / 1024}


if __name__ == "__main__":
    found: Any = measured(Path(sys.argv[1]))
    print(json.dumps(found))
