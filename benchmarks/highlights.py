"""Highlighted sentences that are the ones that answer, and the cost of highlights.

--data is laid out as shared/data: answerable/dev.jsonl has questions with passages. Of SQuAD the sentence
that answers is the one that holds the answer, and the others do not; of QED a person named it. The passages,
of three sentences or more, become texts of a server that is started for it, without a cache, and each
question is asked of its own passage for one sentence: by words alone (`Search`), by vectors alone, and as
`Retrieve` does, by words and else by vectors. Beside that stand the first sentence of the passage, and a
guess. Intervals are 95 % paired bootstrap intervals. The cost is that of ten hits of all passages, with and
without highlights in turn, as a ratio of medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.text.sentences import sentences
from tieback_client import Client, Item
from tieback_contract.hits import Hit

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.generation import HOLDS
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, asking
from benchmarks.statistics import paired

WORDS, VECTORS, BOTH = "words", "vectors", "words, else vectors"
FIRST, GUESS = "the first sentence", "a guess"
FEWEST, TIMED = 3, 40
COST: Mapping[str, Mapping[str, Any]] = {"Retrieve": {}, "Retrieve, ranked": {"ranker": "linear"}}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of a passage, and the ranges of characters of its sentences, of which one answers."""

    source: str
    question: str
    passage: str
    answer: str
    """The text that the sentence holds, or is."""

    def is_answered(self, hit: Hit) -> bool:
        """Tell whether the first highlight of the hit holds the answer."""
        return any(_holds(one.of(hit.text), self.answer) for one in hit.highlights[:1])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument(
        "--questions", type=int, default=300, metavar="N", help="of each of the two sources [300]"
    )


def run(options: argparse.Namespace) -> Report:
    every = list(questions(data_of(options, HOLDS) / "answerable" / "dev.jsonl"))
    chosen = []
    for source in sorted({one.source for one in every}):
        known = [one for one in every if one.source == source]
        order = np.random.default_rng(0).permutation(len(known))[: options.questions]
        chosen += [known[place] for place in order.tolist()]
    return measured(chosen)


def questions(path: Path) -> Iterator[Asked]:
    """Those of which one sentence of the passage answers, and the others do not."""
    for row in read_rows(path):
        if not row["answerable"] or row["source"] not in {"squad2", "qed"}:
            continue
        texts = [row["passage"][begin:end] for begin, end in sentences(row["passage"])]
        answer = row["sentence"] if row["source"] == "qed" else row["answers"][0]
        if len(texts) >= FEWEST and sum(_holds(text, answer) for text in texts) == 1:
            yield Asked(row["source"], row["question"], row["passage"], answer)


def measured(asked: Sequence[Asked], spaces: Sequence[str] = ()) -> Report:
    """Asks every question on a server of `spaces`, by default all."""
    report = Report()
    passages = {one.passage: f"p{number}" for number, one in enumerate(asked)}
    with asking(spaces=spaces, settings=NO_GENERATOR | UNCACHED) as client:
        items = [Item.from_text(name, text) for text, name in passages.items()]
        client.ingest("passages", items, long_texts="truncate").collect()
        found: dict[str, list[float]] = {way: [] for way in (WORDS, VECTORS, BOTH, FIRST, GUESS)}
        for one in asked:
            for way, is_found in _ways(client, one, passages[one.passage]):
                found[way].append(is_found)
        cost = list(_cost(client, [one.question for one in asked[:TIMED]]))
    values = {way: np.array(each, np.float64) for way, each in found.items()}
    sources = np.array([one.source for one in asked])
    report.table("share of questions whose first highlight answers", list(_shares(sources, values)))
    report.table("cost of two highlights of ten hits", cost)
    for other in (VECTORS, FIRST):
        less = paired(values[BOTH], values[other])
        report.claim(f"{BOTH}, less {other}", less, "", "> 0", note=f"{len(asked)} questions")
    return report


def _holds(sentence: str, answer: str) -> bool:
    return answer.strip() in sentence or sentence.strip() in answer


def _ways(client: Client, one: Asked, item: str) -> Iterator[tuple[str, float]]:
    only: dict[str, Any] = {"filter": f'item_id = "{item}"', "limit": 1, "highlights": 1}
    hits = client.search("passages", text=one.question, **only).hits
    yield WORDS, float(bool(hits) and one.is_answered(hits[0]))
    for way, hybrid in ((VECTORS, False), (BOTH, True)):
        [hit] = client.retrieve("passages", one.question, hybrid=hybrid, **only).hits
        yield way, float(one.is_answered(hit.hit))
    texts = [one.passage[begin:end] for begin, end in sentences(one.passage)]
    yield FIRST, float(_holds(texts[0], one.answer))
    yield GUESS, 1 / len(texts)


def _shares(sources: Any, values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for source in sorted(set(sources.tolist())):
        kept = sources == source
        yield {"source": source, "questions": int(kept.sum())} | {
            way: float(each[kept].mean()) for way, each in values.items()
        }


def _cost(client: Client, asked: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Milliseconds of the server for a query, without highlights and with two of each hit, in turn."""
    for name, how in COST.items():
        milliseconds = np.zeros((2, len(asked)))
        for place, question in enumerate(asked):
            for row, most in enumerate((0, 2)):
                begun = time.perf_counter()
                client.retrieve("passages", question, highlights=most, **how)
                milliseconds[row, place] = 1e3 * (time.perf_counter() - begun)
        without, with_them = np.median(milliseconds, axis=1)
        yield {
            "query": name,
            "without, ms": float(without),
            "with, ms": float(with_them),
            "times": float(with_them / without),
            "more, ms": float(with_them - without),
        }
