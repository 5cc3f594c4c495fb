"""Experts mixed for each text by a router, end to end: no text says of which domain it is (Twin-Merging).

    abstracts   as in `scripts/bench merging`

An expert of each of four domains learns by three fifths of its pairs. The next fifth teaches the router, and
tunes the scales of task arithmetic and of TIES; task arithmetic's is the shared model's. A server has all,
in float32. The texts of all domains are encoded together, by the Python client: by the mixture (`adapter` is
"mixed"), by the one expert that the router chooses ("auto"), by tuned task arithmetic and TIES, by the base,
and by the expert of their own domain, which a caller does not know. Measured is the last fifth, by which
nothing was chosen: 1 / rank of a text's partner among the texts of all domains. Intervals are drawn over
pairs. Expert and scale were chosen by each domain's own pairs; no rank or rounding was tried."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.adapt.cards import merged_fields, write_card
from tieback.recipes.pull import pull
from tieback.training.ranks import ranks
from tieback_client import Client
from tieback_contract.arrays import Array

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.lab.learned_merging import HOLDS, INTERVAL, Bench, domain_experts, share
from benchmarks.lab.merging import ABSTRACTS, BASE, Heard, pairs_of
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.served import served
from benchmarks.statistics import Floats, paired

SCALES = (0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
RIVALS = {"task_arithmetic": "task-arithmetic", "ties": "ties"}
MIXED, CHOSEN, ORACLE, BEFORE = "mixed", "auto", "expert of the own domain", "base"
RANK = 32
"""The default of the method."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--steps", type=int, default=60, help="of each fine-tuning [60]")
    parser.add_argument("--held-out", type=int, default=100, help="most that are measured of a domain [100]")


def run(options: argparse.Namespace) -> Report:
    pairs = {name: one for name, one in pairs_of(data_of(options, HOLDS)).items() if name in ABSTRACTS}
    kept = {name: one[-(len(one) // 5) :][: options.held_out] for name, one in pairs.items()}
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    with tempfile.TemporaryDirectory() as scratch:
        folder, store = Path(scratch) / "cards", Store(Path(scratch) / "store")
        folder.mkdir()
        share(base, Store(), store)
        experts, files = domain_experts(base, pairs, store, folder, options.steps)
        cards = [base, *experts.values()]
        names = [card.name for card in experts.values()]
        tuned = {method: _tuned(method, cards, store, folder, files) for method in RIVALS}
        routers = {card.name: str(files[domain]) for domain, card in experts.items()}
        recipe = {
            "method": "twin", "base": BASE, "experts": names, "router": routers,
            "parameters": {"scale": tuned["task_arithmetic"]}, "adapters": {"rank": RANK},
        }  # fmt: skip
        write_card(folder / "house.yaml", merged_fields("house", recipe, cards))
        pull([Catalog.load(folder).get("house")], [], store, Heard())
        settings = {
            "TIEBACK_EXTENSIONS": "lab", "TIEBACK_CARDS": str(folder), "TIEBACK_MODELS": str(store.root),
            "TIEBACK_BINDING": "none", "TIEBACK_GENERATOR": "none", "TIEBACK_RERANKERS": "none",
            "TIEBACK_PRECISION": "float32", "TIEBACK_CACHE_BYTES": "0",
        }  # fmt: skip
        spaces = [BASE, "house", *RIVALS.values()]
        with served(local=True, spaces=spaces, settings=settings) as server, server.client() as client:
            found, seconds = _measured(client, kept, {name: experts[name].name for name in kept})
    report = Report()
    tell(report, found, seconds, tuned, kept)
    return report


def _tuned(
    method: str, cards: Sequence[EncoderCard], store: Store, folder: Path, files: Mapping[str, Path]
) -> float:
    """The scale that is best by the pairs of the files; its card stays."""
    known = {name: [(row["a"], row["b"]) for row in read_rows(file)] for name, file in files.items()}
    bench = Bench(store, cards[0], known)
    means = dict[float, float]()
    name = RIVALS[method]
    for scale in SCALES:
        _write(folder, name, method, scale, cards)
        means[scale] = float(
            np.mean([one.mean() for one in bench.places(Catalog.load(folder).get(name)).values()])
        )
        log(f"{method}, scale {scale}: {means[scale]:.4f}")
    best = max(means, key=means.__getitem__)
    _write(folder, name, method, best, cards)
    pull([Catalog.load(folder).get(name)], [], store, Heard())
    return best


def _write(folder: Path, name: str, method: str, scale: float, cards: Sequence[EncoderCard]) -> None:
    recipe = {
        "method": method, "base": BASE, "experts": [card.name for card in cards[1:]],
        "parameters": {"scale": scale},
    }  # fmt: skip
    write_card(folder / f"{name}.yaml", merged_fields(name, recipe, cards))


def _measured(
    client: Client, kept: Mapping[str, Sequence[tuple[str, str]]], experts: Mapping[str, str]
) -> tuple[dict[str, Floats], dict[str, float]]:
    """1 / rank of each pair's partner among all, by the way, and milliseconds of a text."""
    texts = [[pair[side] for own in kept.values() for pair in own] for side in (0, 1)]
    own = [expert for name, expert in experts.items() for _ in kept[name]]
    ways: dict[str, tuple[str, str | list[str]]] = {
        MIXED: ("house", MIXED), CHOSEN: ("house", CHOSEN), ORACLE: ("house", own),
        **{method: (name, "") for method, name in RIVALS.items()}, BEFORE: (BASE, ""),
    }  # fmt: skip
    found, seconds = dict[str, Floats](), dict[str, float]()
    order = np.random.default_rng(0).permutation(len(texts[0]))
    for way, (space, adapter) in ways.items():
        log(way)
        begin = time.perf_counter()
        sides: list[Array] = []
        for side in texts:
            asked = [side[place] for place in order]
            chosen = adapter if isinstance(adapter, str) else [adapter[place] for place in order]
            rows = [
                one.vector.values
                for one in client.encode(asked, space=space, adapter=chosen, truncate=True)
                if one.vector
            ]
            sides.append(np.stack(rows)[np.argsort(order)])
        seconds[way] = 1e3 * (time.perf_counter() - begin) / (2 * len(order))
        found[way] = 1 / ranks(sides[0] @ sides[1].T, np.arange(len(order)))
    return found, seconds


def tell(
    report: Report,
    found: Mapping[str, Floats],
    seconds: Mapping[str, float],
    tuned: Mapping[str, float],
    kept: Mapping[str, Sequence[tuple[str, str]]],
) -> None:
    """The table, and the claims for the mixture."""
    ends = np.cumsum([len(own) for own in kept.values()])[:-1]
    report.table(
        "mean of 1 / rank of a partner among the texts of all domains, and milliseconds of a text",
        [
            {"way": way, "scale": tuned.get(way, "")}
            | {name: float(one.mean()) for name, one in zip(kept, np.split(values, ends), strict=True)}
            | {"mean": float(values.mean()), "ms": seconds[way]}
            for way, values in found.items()
        ],
    )
    for rival in (*RIVALS, CHOSEN, BEFORE, ORACLE):
        report.claim(
            f"54 (arXiv:2406.15479) unlabelled texts of {len(kept)} domains: {MIXED} less {rival}",
            paired(found[MIXED], found[rival]), "1 / rank", "> 0", interval=INTERVAL,
            note=f"{len(found[MIXED])} pairs",
            of=Tried(54, "paper" if rival in RIVALS else "ours", product=True, data="real"),
        )  # fmt: skip
