"""Merges that learn by pairs of four domains, beside task arithmetic and TIES tuned by the same pairs.

    abstracts   retrieval/cacm, cisi, npl and med of DIR, as in `scripts/bench merging`

An expert of each domain learns by three fifths of its pairs (`tieback train finetune`). A few of the next
fifth are the user's pairs, of which each seed draws those that are learned by, those that choose the step,
and those that are tuned by. Measured is the last fifth, by the exported graphs as they are served: 1 / rank
of a text's partner among those of its domain. Rates and steps are those that the recipes were written with;
no domain chose them. Intervals are drawn over pairs, of which each is the mean of the seeds."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog, read_card
from tieback.core.types.encoding import Truncation
from tieback.models.session import Session
from tieback.models.store import Store
from tieback.models.text.tokenization import TextTokenizer
from tieback.models.text.transformer_text import GRAPH, TOKENIZER
from tieback.recipes.adapt.cards import merged_fields, write_card
from tieback.recipes.graphs.expert_router import encoded_texts
from tieback.recipes.pull import pull
from tieback.recipes.train import train
from tieback.training.ranks import ranks

from benchmarks.data_folder import add_data, data_of
from benchmarks.lab.merging import ABSTRACTS, BASE, Heard, pairs_of
from benchmarks.progress import log
from benchmarks.report import Report, Tried
from benchmarks.statistics import Floats, paired

HOLDS = "retrieval, captions and nli"
METHODS: Mapping[str, int] = {"anisotropic": 10, "concrete": 47}
TOKENS = 32
RIVALS = ("task_arithmetic", "ties")
INTERVAL = "95 %, bootstrap of pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--seeds", type=int, default=3, help="[3]")
    parser.add_argument("--steps", type=int, default=30, help="of each fine-tuning [30]")
    parser.add_argument("--merge-steps", type=int, default=20, help="of learning how to merge [20]")
    parser.add_argument("--pairs", type=int, default=50, help="most pairs that a domain's user has [50]")
    parser.add_argument("--held-out", type=int, default=100, help="most that are measured of one [100]")


def run(options: argparse.Namespace) -> Report:
    pairs = {name: one for name, one in pairs_of(data_of(options, HOLDS)).items() if name in ABSTRACTS}
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    report, found, seconds = Report(), dict[str, list[dict[str, Floats]]](), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as scratch:
        folder, store, own_store = Path(scratch), Store(), Store(Path(scratch) / "store")
        share(base, store, own_store)
        experts_by_domain, files = domain_experts(
            base, pairs, own_store, folder, options.steps, options.pairs
        )
        cards, data = [base, *experts_by_domain.values()], list(files.values())
        bench = Bench(
            own_store,
            base,
            {name: one[-(len(one) // 5) :][: options.held_out] for name, one in pairs.items()},
        )
        found["base"] = [bench.places(base)] * options.seeds
        for seed in range(options.seeds):
            for method in METHODS:
                log(f"{method}, seed {seed}")
                experts = [card.name for card in cards[1:]]
                given = {"name": f"{method}-{seed}", "experts": experts, "steps": options.merge_steps,
                         "tokens": TOKENS, "batch": 16, "seed": seed}  # fmt: skip
                learned = train(method, given, cards=cards, store=store, data=data, output=folder, say=log)
                assert learned.card is not None
                metrics = learned.artifact.facts["metrics"]
                scales = {f"scale of {name}": one for name, one in metrics["scales"].items()}
                seconds.append(
                    {"method": method, "seed": seed, "s": learned.seconds, **metrics["steps"], **scales}
                )
                found.setdefault(method, []).append(bench.places(read_card(learned.card)))
            for rival in RIVALS:
                recipe = {"method": rival, "base": BASE, "experts": experts,
                          "parameters": {"scale": metrics["scales"][rival]}}  # fmt: skip
                name = f"{rival.replace('_', '-')}-{seed}"
                write_card(folder / f"{name}.yaml", merged_fields(name, recipe, cards))
                found.setdefault(rival, []).append(bench.places(Catalog.load(folder).get(name)))
    tell(report, found, seconds)
    return report


def tell(
    report: Report, found: Mapping[str, Sequence[Mapping[str, Floats]]], seconds: Sequence[Mapping[str, Any]]
) -> None:
    """The tables, and a claim for each method against each rival."""
    each = {name: _over_seeds(runs) for name, runs in found.items()}
    report.table(
        "mean of 1 / rank of a partner among the held-out pairs of its domain, mean of seeds",
        [
            {"model": name}
            | {domain: float(one.mean()) for domain, one in rows.items()}
            | {"mean": float(np.mean([one.mean() for one in rows.values()]))}
            for name, rows in each.items()
        ],
    )
    report.table(
        "seconds of learning on one core, tuning of the rivals included where it was not cached", seconds
    )
    for method, number in METHODS.items():
        for rival in (*RIVALS, "base"):
            gained = [np.concatenate(list(each[name].values())) for name in (method, rival)]
            report.claim(
                f"{number}: {method} over {rival} on held-out pairs of four domains", paired(*gained),
                "1 / rank", "> 0", interval=INTERVAL,
                note=f"{len(gained[0])} pairs, {len(found[method])} seeds",
                of=Tried(number, "paper" if rival in RIVALS else "ours", product=True, data="real"),
            )  # fmt: skip


def _over_seeds(runs: Sequence[Mapping[str, Floats]]) -> dict[str, Floats]:
    return {domain: np.mean([one[domain] for one in runs], axis=0) for domain in runs[0]}


def domain_experts(
    base: EncoderCard,
    pairs: Mapping[str, Sequence[tuple[str, str]]],
    store: Store,
    folder: Path,
    steps: int,
    most: int | None = None,
) -> tuple[dict[str, EncoderCard], dict[str, Path]]:
    """An expert of each domain in the store, by three fifths of its pairs, and files of the next fifth."""
    experts, files = dict[str, EncoderCard](), dict[str, Path]()
    for name, own in pairs.items():
        fifth = len(own) // 5
        file = written(folder / f"{name}.jsonl", own[: len(own) - 2 * fifth])
        files[name] = written(folder / f"learn-{name}.jsonl", own[-2 * fifth : -fifth][:most])
        quick = {"domain": name, "steps": steps, "tokens": TOKENS, "batch": 16, "patience": 0,
                 "learning_rate": 5e-5}  # fmt: skip
        made = train("finetune", quick, cards=[base], store=Store(), data=[file], output=folder, say=log)
        assert made.card is not None
        card = read_card(made.card)
        assert isinstance(card, EncoderCard)
        experts[name] = card
    pull(list(experts.values()), [], store, Heard())
    return experts, files


class Bench:
    """Held-out pairs as token numbers, and where models find partners."""

    def __init__(self, store: Store, base: EncoderCard, domains: Mapping[str, Any]) -> None:
        self._store = store
        tokens = TextTokenizer(store.open(base).path(TOKENIZER), max_tokens=TOKENS, special_tokens=True)
        self._texts = {
            name: [[tokens(one, Truncation.END)[0].ids for one in side] for side in zip(*own, strict=True)]
            for name, own in domains.items()
        }

    def places(self, card: Any) -> dict[str, Floats]:
        """1 / rank of each pair, by domain."""
        pull([card], [], self._store, Heard())
        session = Session(self._store.open(card).path(GRAPH))
        found: dict[str, Floats] = {}
        for name, sides in self._texts.items():
            left, right = (encoded_texts(session, side) for side in sides)
            found[name] = 1 / ranks(left @ right.T, np.arange(len(left)))
        return found


def written(path: Path, pairs: Sequence[tuple[str, str]]) -> Path:
    """The file of JSONL with those pairs."""
    lines = [json.dumps({"a": left, "b": right}) for left, right in pairs]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def share(card: EncoderCard, store: Store, other: Store) -> None:
    """Has another store show the model of this one."""
    place = other.folder(card)
    place.parent.mkdir(parents=True)
    place.symlink_to(store.folder(card), target_is_directory=True)
