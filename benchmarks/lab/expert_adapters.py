"""Cost of experts by request: a batch of 32 texts by one and one that mixes eight; the router's choices.

    domains  the pairs of `merging`, of DIR

The texts of a batch are equally long: texts of several lengths gain by smaller batches, whoever runs them.
The experts are MiniLM with random changes of its matrices, a hundredth of their size: what a run costs does
not depend on the values. The router is learned from 200 pairs of each domain, over the vectors of the merged
weights, and asked about the texts that are held out. Times are of the processor, one thread, the ways in
turn."""

from __future__ import annotations

import argparse
import functools
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.artifacts import described
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.catalog.merge import Merge
from tieback.methods.merging import Weights, merge
from tieback.models.adapters import Adapters
from tieback.models.reference import DENSE, IDS, MASK
from tieback.models.session import Hardware, Session
from tieback.models.store import ServedModel, Store
from tieback.models.store.manifest import Manifest, model
from tieback.models.text.transformer_text import GRAPH, TOKENIZER, padded
from tieback.recipes.export.merged import write_with
from tieback.recipes.graphs.adapters import write_adapters
from tieback.recipes.graphs.edits import load_graph
from tieback.recipes.graphs.expert_router import encoded_texts, learn_router
from tieback_contract.arrays import Array

from benchmarks.data_folder import add_data, data_of
from benchmarks.progress import log
from benchmarks.report import Report, Tried

HOLDS = "retrieval, captions and nli"
WAYS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "TALL masks": ("tall_masks", {}),
    "twin, rank 32": ("twin", {"rank": 32}),
}
EIGHT, TOGETHER, TOKENS, ROUNDS = 8, 32, 24, 15
Texts = Sequence[Sequence[Array]]
"""The texts of each side of pairs, as token numbers."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)


def run(options: argparse.Namespace) -> Report:
    from benchmarks.lab.merging import BASE, Bench, held_out, pairs_of

    domains = pairs_of(data_of(options, HOLDS))
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    graph, report = Store().open(base).path(GRAPH), Report()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        bench = Bench(graph.parent, {name: held_out(pairs) for name, pairs in domains.items()}, folder)
        experts = changed(bench.base)
        found = {}
        for name, (method, parameters) in WAYS.items():
            log(name)
            served = Served(method, parameters, base, graph, bench.base, experts, folder / method)
            found[name] = costs(served, equally_long(bench.texts["cacm"][1]))
        log("router")
        files = {}
        for name, pairs in domains.items():
            files[name] = folder / f"{name}.jsonl"
            learnt = pairs[: len(pairs) - len(held_out(pairs))]
            files[name].write_text("\n".join(json.dumps({"a": one, "b": two}) for one, two in learnt))
        named = dict(zip(domains, experts.values(), strict=False))
        routing = Served("twin", {"rank": 1}, base, graph, bench.base, named, folder / "routing", files)
        tell_costs(report, found, routing.routed_right(bench.texts))
    return report


def tell_costs(report: Report, found: Mapping[str, Mapping[str, float]], right: Mapping[str, float]) -> None:
    report.table(
        f"processor time of a batch of {TOGETHER} texts of {TOKENS} tokens, and memory of an expert",
        [
            {
                "adapters": name,
                "merged weights, ms": round(1e3 * one["merged"], 1),
                "one expert, ms": round(1e3 * one["one"], 1),
                "eight experts, ms": round(1e3 * one["mixed"], 1),
                "throughput of eight over one": round(one["one"] / one["mixed"], 3),
                "throughput of eight over merged": round(one["merged"] / one["mixed"], 3),
                "first run of an expert, ms": round(1e3 * one["ready"], 1),
                "MB in memory": round(one["bytes"] / 1e6, 1),
            }
            for name, one in found.items()
        ],
    )
    for name, one in found.items():
        report.claim(
            f"{name}: throughput of a batch that mixes eight adapters, over one by one adapter",
            one["one"] / one["mixed"],
            "times",
            ">= 0.7",
        )
    report.table(
        "how often the router chooses the expert of a held-out text's domain",
        [{"domain": name, "share": round(share, 3)} for name, share in right.items()],
    )
    report.claim(
        f"the router, right on held-out texts of {len(right)} domains",
        float(np.mean(list(right.values()))),
        "share",
        ">= 0.9",
        of=Tried(54, "ours", product=True, data="real"),
    )


class Served:
    """The files of a merge of `experts` in a folder, as a store has them, and its adapters over them."""

    def __init__(
        self,
        method: str,
        parameters: Mapping[str, Any],
        base: EncoderCard,
        graph: Path,
        start: Weights,
        experts: Mapping[str, Weights],
        folder: Path,
        router: Mapping[str, Path] | None = None,
    ) -> None:
        folder.mkdir()
        recipe = Merge(method=method, base=base.name, experts=tuple(experts), adapters=dict(parameters))
        card = base.model_copy(update={"name": "merged", "merge": recipe}).made_of([base])
        read = load_graph(graph)
        write_with(read, merge(method, start, list(experts.values())), folder / GRAPH)
        shutil.copyfile(graph.with_name(TOKENIZER), folder / TOKENIZER)
        write_adapters(method, recipe.split_parameters, start, experts, read, folder)
        self.right = learn_router(card, router, folder)["right"] if router else 0.0
        self.merged = Session(folder / GRAPH)
        manifest = Manifest(model("merged"), "merged", "r", "f", served=described(folder))
        self.adapters = Adapters(card, ServedModel(folder, manifest), Hardware(adapter_bytes=4 << 30))
        self.names = list(card.adapters)

    def expert(self, name: str) -> Any:
        """A function that runs by that expert, as a session does."""
        return Expert(self.adapters, name)

    def routed_right(self, texts: Mapping[str, Texts]) -> dict[str, float]:
        """Share of texts on which the router is right on texts, by the names of their experts."""
        shares = {}
        for name, sides in texts.items():
            vectors = encoded_texts(self.merged, [text for side in sides for text in side])
            chosen = [max(own, key=own.__getitem__) for own in self.adapters.routed(vectors)]
            shares[name] = float(np.mean([one == name for one in chosen]))
        return shares


class Expert:
    """An expert that runs as a session does."""

    def __init__(self, adapters: Adapters, name: str) -> None:
        self.run = functools.partial(adapters.run, name)


def changed(base: Weights) -> dict[str, Weights]:
    """Eight experts, whose matrices differ from the base's but for the table of tokens."""
    draw = np.random.default_rng(0)
    largest = max(base, key=lambda name: base[name].size)
    return {
        f"expert-{number}": {
            name: array
            if name == largest or array.ndim < 2
            else array + np.float32(0.01 * array.std()) * draw.standard_normal(array.shape).astype(np.float32)
            for name, array in base.items()
        }
        for number in range(EIGHT)
    }


def equally_long(texts: Sequence[Array]) -> list[Array]:
    """The beginnings of the texts that are long enough."""
    return [text[:TOKENS] for text in texts if len(text) >= TOKENS]


def costs(served: Served, texts: Sequence[Array]) -> dict[str, float]:
    """Processor seconds of a batch: by one expert, mixed, by the merged weights; and of a first run."""
    share = min(TOGETHER, len(texts)) // len(served.names)
    chosen = list(texts[: share * len(served.names)])
    parts = [padded(chosen[begin : begin + share]) for begin in range(0, len(chosen), share)]
    whole = padded(chosen)
    begin = time.process_time()
    for name in served.names:
        served.adapters.run(name, [DENSE], inputs(parts[0]))
    ready = (time.process_time() - begin) / len(served.names)
    first = served.names[0]

    def mixed() -> None:
        for name, part in zip(served.names, parts, strict=True):
            served.adapters.run(name, [DENSE], inputs(part))

    ways: dict[str, Callable[[], object]] = {
        "merged": lambda: served.merged.run([DENSE], inputs(whole)),
        "one": lambda: served.adapters.run(first, [DENSE], inputs(whole)),
        "mixed": mixed,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn, so that what else runs on the machine slows all alike
        for name, way in ways.items():
            begin = time.process_time()
            way()
            seconds[name].append(time.process_time() - begin)
    state = served.adapters.state
    return {name: statistics.median(one) for name, one in seconds.items()} | {
        "ready": ready,
        "bytes": state.bytes / state.loaded,
    }


def inputs(batch: tuple[Array, Array]) -> dict[str, Array]:
    """A padded batch as a graph takes it."""
    return {IDS: batch[0], MASK: batch[1]}
