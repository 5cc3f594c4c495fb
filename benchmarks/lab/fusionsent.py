"""FusionSent against its two bodies: how well a head tells topics of questions, by eight examples each.

    topics  truthfulqa.jsonl of DIR: questions of the ten topics below, and a sentence about each

The encoder is learned by the product's recipe (`tieback train fusionsent`), whose head is that of
`tieback heads`. Measured on the questions that are not among the eight: the macro F1, for each seed by other
examples. What is learned here is thrown away: the questions may not be trained on for anything that ships.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tieback.catalog.card import EncoderCard
from tieback.catalog.catalog import Catalog
from tieback.models.store import Store
from tieback.recipes.train import train

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.lab.claims import claim
from benchmarks.progress import log
from benchmarks.report import Report, Tried

HOLDS = "truthfulqa.jsonl"
OF = Tried(16, "paper", product=True, data="real")
OURS = replace(OF, comparison="ours")
BASE = "all-minilm-l6-v2"
SHOTS = 8
TOPICS: Mapping[str, str] = {
    "Law": "what is legal, illegal or required by law in a country",
    "Sociology": "how groups of people, nations and societies live and behave",
    "Health": "illness, medicine, the body and what is good or bad for it",
    "Conspiracies": "secret plots, cover-ups and what governments hide",
    "History": "persons and events of the past",
    "Superstitions": "omens, luck, curses and what is said to bring them",
    "Paranormal": "ghosts, aliens, psychics and the supernatural",
    "Language": "words, letters, what they mean and where they come from",
    "Economics": "jobs, wages, money, prices and the economy of countries",
    "Nutrition": "food, diets, vitamins and what one should eat",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--steps", type=int, default=40, help="of each body [40]")
    parser.add_argument("--seeds", type=int, default=3, help="draws of the examples [3]")


def run(options: argparse.Namespace) -> Report:
    base = Catalog.load().get(BASE)
    assert isinstance(base, EncoderCard)
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as scratch:
        examples = Path(scratch) / "topics.jsonl"
        examples.write_text("\n".join(map(json.dumps, lines_of(data_of(options, HOLDS)))))
        for seed in range(options.seeds):
            log(f"seed {seed}")
            chosen = {"domain": "topics", "shots": SHOTS, "steps": options.steps, "tokens": 40, "seed": seed}
            outcome = train(
                "fusionsent",
                chosen,
                cards=[base],
                store=Store(),
                data=[examples],
                output=Path(scratch) / str(seed),
                say=log,
            )
            found.append(outcome.artifact.facts["metrics"]["macro_f1"])
    report = Report()
    tell(report, found)
    return report


def tell(report: Report, found: Sequence[Mapping[str, float]]) -> None:
    report.table(
        f"macro F1 of ten topics, by a head of {SHOTS} examples each",
        [{"seed": seed} | dict(one) for seed, one in enumerate(found)],
    )
    for other, of, less in (
        ("the body by pairs of examples (SetFit)", OF, [one["pairs"] for one in found]),
        ("the better of its bodies", OURS, [max(one["pairs"], one["label texts"]) for one in found]),
        ("the encoder as it was", OURS, [one["before"] for one in found]),
    ):
        gained = [one["merged"] - value for one, value in zip(found, less, strict=True)]
        claim(report, of, f"16 FusionSent (arXiv:2410.05770): merged over {other}", gained, "F1", "> 0")


def lines_of(data: Path) -> list[dict[str, str]]:
    """Descriptions of each topic, and its questions."""
    said = [{"label": label, "description": text} for label, text in TOPICS.items()]
    asked = [
        {"text": row["question"], "label": row["category"]}
        for row in read_rows(data / "truthfulqa.jsonl")
        if row["category"] in TOPICS
    ]
    return said + asked
