"""Experts of several domains, alone and merged: how well each model finds the partners of held-out pairs.

    abstracts   retrieval/cacm, cisi, npl and med of DIR: the title or first sentence of a document, and the
                rest of it
    captions    captions/captions.json of DIR: two captions of one photo
    inferences  nli/train.jsonl of DIR: a premise, and what follows from it

Each expert is learned by the product's recipe (`tieback train finetune`) on four fifths of a domain's pairs,
and merged by the product's methods over the exported graphs. Measured on the last fifth: the mean of 1 / rank
of each text's partner among those of all pairs. What is learned here is thrown away: some of the texts may
not be trained on for anything that is shipped.

Beside the merges there are the experts that a request can name (TALL masks, arXiv:2405.07813; Twin-Merging,
arXiv:2406.15479), each on its own domain, as they are served: by adapters that are fed to one graph. What
they cost is in `expert_adapters`."""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.core.types.encoding import Truncation
from tieback.methods.merging import SPLIT, Weights, merge, mergings
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.export.merged import measured, write_with
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.layer_activations import weights_of
from tieback.recipes.pull import pull
from tieback.recipes.train import train

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.lab.expert_adapters import Served
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval

HOLDS = "retrieval, captions and nli"
BASE = "all-minilm-l6-v2"
PAIRS, HELD_OUT = 2000, 300
DOMAINS = ("cacm", "med", "captions", "inferences")
"""By default; cisi and npl are there as well."""
ABSTRACTS = ("cacm", "cisi", "npl", "med")
DOMAINS_RANGE = "lowest and highest domain"
SENTENCE = re.compile(r"(?<=[.!?])\s+|[ \n]{2,}")
"""What ends a title or a sentence: a title stands before two spaces."""
NUMBER = re.compile(r"^\s*\d+\.\s*")
"""What an abstract of MEDLINE may begin with."""
MERGES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "averaged": ("linear", {}),
    "task arithmetic, 0.3": ("task_arithmetic", {"scale": 0.3}),
    "task arithmetic, 0.6": ("task_arithmetic", {"scale": 0.6}),
    "TIES": ("ties", {}),
    "consensus of 2": ("consensus", {"scale": 0.6}),
}
RESTORED: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "TALL masks": ("tall_masks", {}),
    "twin, rank 32": ("twin", {"scale": 0.6}),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--steps", type=int, default=60, help="of each fine-tuning [60]")
    parser.add_argument("--domains", nargs="+", default=DOMAINS, help=f"[{' '.join(DOMAINS)}]")
    parser.add_argument(
        "--held-out",
        type=int,
        default=HELD_OUT,
        help=f"most pairs that are measured of a domain [{HELD_OUT}]",
    )


class Heard:
    """Progress of a pull, in lines."""

    def fetching(self, *_: Any) -> None: ...

    def said(self, name: str, message: str) -> None:
        log(f"{name}: {message}")


def run(options: argparse.Namespace) -> Report:
    pairs = pairs_of(data_of(options, HOLDS))
    domains = {name: (pairs[name], held_out(pairs[name], options.held_out)) for name in options.domains}
    report, store = Report(), Store()
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        experts = {
            name: expert(name, own[: len(own) - len(kept)], base, folder, options.steps)
            for name, (own, kept) in domains.items()
        }
        bench = Bench(store.open(base).folder, {name: kept for name, (_, kept) in domains.items()}, folder)
        found = {"base": bench.by_domain(bench.base)}
        for name, weights in experts.items():
            found[f"expert of {name}"] = bench.by_domain(weights)
        each = list(experts.values())
        seconds = {}
        for name, (method, parameters) in MERGES.items():
            log(name)
            begin = time.process_time()
            merged = merge(method, bench.base, each, parameters)
            seconds[name] = time.process_time() - begin
            found[name] = bench.by_domain(merged)
        sizes = {}
        for name, (method, parameters) in RESTORED.items():
            log(name)
            shared, adapters = mergings.form(SPLIT, method, parameters)(bench.base, each)
            sizes[name] = (_megabytes(shared), float(np.mean([_megabytes(one) for one in adapters])))
            graph = store.open(base).path(GRAPH)
            served = Served(method, parameters, base, graph, bench.base, experts, folder / method)
            found[name] = {domain: bench.served(domain, served.expert(domain)) for domain in domains}
    tell(report, found, seconds, sizes, _megabytes(bench.base))
    return report


def tell(
    report: Report,
    found: Mapping[str, Mapping[str, float]],
    seconds: Mapping[str, float],
    sizes: Mapping[str, tuple[float, float]],
    whole: float,
) -> None:
    own = {
        name.removeprefix("expert of "): row for name, row in found.items() if name.startswith("expert of")
    }
    experts = float(np.mean([row[domain] for domain, row in own.items()]))
    means = {name: float(np.mean(list(row.values()))) for name, row in found.items()}
    report.table(
        "mean of 1 / rank of a partner among the held-out pairs of its domain",
        [
            {"model": name} | {k: round(v, 4) for k, v in row.items()} | {"mean": round(means[name], 4)}
            for name, row in found.items()
        ],
    )
    report.table(
        "processor time of a merge", [{"method": name, "s": round(one, 2)} for name, one in seconds.items()]
    )
    report.table(
        "MB beside the base, in float32",
        [{"kept": "each expert as a model", "shared": 0.0, "each": round(whole, 1)}]
        + [
            {"kept": name, "shared": round(shared, 1), "each": round(one, 1)}
            for name, (shared, one) in sizes.items()
        ],
    )
    report.claim("experts on their own domains, over the base", experts - means["base"], "1 / rank", "> 0")
    best = max(MERGES, key=lambda name: means[name])
    report.claim(f"best merge ({best}) over the base", means[best] - means["base"], "1 / rank", "> 0")
    report.claim(
        f"best merge ({best}), of the experts on their own domains", means[best] / experts, "share", ">= 0.98"
    )
    tall = [found["TALL masks"][domain] / row[domain] for domain, row in own.items()]
    twin = [found["twin, rank 32"][domain] - found["task arithmetic, 0.6"][domain] for domain in own]
    for name, value, by_domain, unit, target, of in (
        ("TALL masks, of the experts on their own domains", means["TALL masks"] / experts, tall, "share",
         ">= 0.98", 67),
        ("Twin-Merging of rank 32 over its task arithmetic", float(np.mean(twin)), twin, "1 / rank",
         "> 0", 54),
    ):  # fmt: skip
        report.claim(
            name, Interval(value, min(by_domain), max(by_domain)), unit, target,
            interval=DOMAINS_RANGE, of=Tried(of, "paper", product=True, data="real"),
        )  # fmt: skip
    report.claim(f"slowest merge of {len(own)} MiniLM", max(seconds.values()), "s", "<= 5")


class Bench:
    """The base's graph, and how weights do on the domains."""

    def __init__(self, served: Path, domains: Mapping[str, Sequence[tuple[str, str]]], folder: Path) -> None:
        self._graph, self._folder = served / GRAPH, folder
        self.base: Weights = weights_of(load_graph(self._graph))
        tokens = TextTokenizer(served / TOKENIZER, max_tokens=64, special_tokens=True)
        self.texts = {
            name: [
                [tokens(text, Truncation.END)[0].ids for text in side] for side in zip(*pairs, strict=True)
            ]
            for name, pairs in domains.items()
        }

    def by_domain(self, weights: Weights) -> dict[str, float]:
        session = self._session(weights)
        return {name: measured(session, texts, "reciprocal_rank") for name, texts in self.texts.items()}

    def served(self, domain: str, expert: Any) -> float:
        return measured(expert, self.texts[domain], "reciprocal_rank")

    def _session(self, weights: Weights) -> Session:
        path = self._folder / "tried.onnx"
        write_with(load_graph(self._graph), weights, path)
        return Session(path)


def expert(
    name: str, learnt: Sequence[tuple[str, str]], base: EncoderCard, folder: Path, steps: int
) -> Weights:
    """The exported weights of an encoder that was fine-tuned on pairs."""
    log(f"fine-tuning on {name}")
    data = folder / f"{name}.jsonl"
    data.write_text(
        "\n".join(json.dumps({"a": left, "b": right}) for left, right in learnt), encoding="utf-8"
    )
    quick = {"domain": name, "steps": steps, "tokens": 48, "patience": 0}
    outcome = train(
        "finetune", quick, cards=[base], store=Store(), data=[data], output=folder / name, say=log
    )
    assert outcome.card is not None
    card = read_card(outcome.card)
    own = Store(folder / "store")
    pull([card], [], own, Heard())
    return weights_of(load_graph(own.folder(card) / GRAPH))


def held_out(pairs: Sequence[tuple[str, str]], most: int = HELD_OUT) -> Sequence[tuple[str, str]]:
    """The last fifth, at most so many."""
    return pairs[-min(most, len(pairs) // 5) :]


def pairs_of(data: Path) -> dict[str, list[tuple[str, str]]]:
    """At most PAIRS of each domain, in an order by a seed; no text is in two of them."""
    found = {name: _abstracts(data / "retrieval" / name) for name in ABSTRACTS}
    captions = json.loads((data / "captions/captions.json").read_text())
    found["captions"] = [(one[0], one[1]) for one in captions.values()]
    pairs_of = (row for row in read_rows(data / "nli/train.jsonl") if row["label"] == "entailment")
    entailed = {row["premise"]: row["hypothesis"] for row in pairs_of}
    found["inferences"] = list(entailed.items())
    for pairs in found.values():
        random.Random(0).shuffle(pairs)
    return {name: pairs[:PAIRS] for name, pairs in found.items()}


def _abstracts(folder: Path) -> list[tuple[str, str]]:
    texts = [row["text"] for row in read_rows(folder / "documents.jsonl")]
    halves = [SENTENCE.split(NUMBER.sub("", text), maxsplit=1) for text in texts]
    long = [one for one in halves if len(one) == 2 and len(one[0].split()) > 1 and len(one[1].split()) > 5]
    return [(one[0], one[1]) for one in long]


def _megabytes(weights: Weights) -> float:
    return sum(array.nbytes for array in weights.values()) / 1e6
