"""Ranking of whole documents against ranking of sections: nDCG@10 of items, on judged collections.

The text collections of --data are laid out as benchmarks/pipeline/collections.py says. Each text becomes an
item with its title and sections of some sentences, 50 words or more where there are as many. The texts of the
mixed library (benchmarks/pipeline/mixed) are there too, a page an item, with the sections that its headings
make. Questions are `dev` and `held-out` as the library says, and elsewhere in turn. All are asked through
SDK, wire and index, of a server that is started for it: by sections, of which each item has one hit, and by
documents; with --reranker, both also reranked by that. Differences to the search by sections have 95 % paired
bootstrap intervals. Where a question has an answer that is a text, it is told how often the first hit's
section holds it, and one of the passages that an answer would rest on. How long a search by documents takes
is told as a ratio of medians in one run.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.text.sentences import sentences
from tieback_client import Client, Item, Section

from benchmarks.pipeline.collections import add_collections, collections_of
from benchmarks.pipeline.judged import DEV, HELD_OUT, Document, Judged, Question
from benchmarks.pipeline.library import NAME as MIXED
from benchmarks.pipeline.measures import BEST, items_of, ndcg
from benchmarks.pipeline.turns import Plan, ask_in_turns, mean, more
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

SECTIONS, DOCUMENTS, RERANKED = "sections", "documents", ", reranked"
WAYS: Mapping[str, Mapping[str, Any]] = {
    SECTIONS: {"hits_per_item": 1},
    DOCUMENTS: {"granularity": "document"},
}
ANSWERED: Mapping[str, Mapping[str, Any]] = {SECTIONS: {"collapse_pieces": False}, DOCUMENTS: WAYS[DOCUMENTS]}
"""As Answer searches: every piece of a text is a hit."""
WORDS = 50
PASSAGES = 4
"""That an answer reads by default."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Result of a question: its nDCG@10, whether the first section holds the answer, seconds."""

    ndcg: float
    holds: bool
    seconds: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_collections(parser)
    parser.add_argument(
        "--reranker", default="", metavar="METHOD", help="ask both ways with this reranker too"
    )


def run(options: argparse.Namespace) -> Report:
    collections = [
        _texts(one) if one.name == MIXED else _in_turn(one)
        for one in collections_of(options, mixed=True)
        if one.name == MIXED or (one.modalities == {"text"} and all(q.words for q in one.questions))
    ]
    return measured(collections, options.reranker)


def measured(collections: Sequence[Judged], reranker: str = "", spaces: Sequence[str] = ()) -> Report:
    """Measures the collections on a server of `spaces`, by default all."""
    report = Report()
    with asking(spaces=spaces, settings=NO_GENERATOR) as client:
        rows = [
            row
            for number, judged in enumerate(collections)
            for row in _halves(report, client, f"bench-{number}", judged, reranker)
        ]
        report.table("nDCG@10 of items by half", rows)
    return report


def _halves(
    report: Report, client: Client, name: str, judged: Judged, reranker: str
) -> Iterator[Mapping[str, Any]]:
    """A row for each half of a collection, and the claim that documents lose nothing on the held-out one."""
    client.ingest(name, [item_of(one) for one in judged.documents]).collect()
    sections = client.get_collection(name).section_count
    ways = dict(WAYS)
    if reranker:
        ways |= {f"{way}{RERANKED}": {**how, "reranker": reranker} for way, how in WAYS.items()}
    for half in (DEV, HELD_OUT):
        questions = [one for one in judged.answerable if one.split == half]
        if not questions:
            continue
        plans = [Plan(way, how) for way, how in ways.items()]
        found = ask_in_turns(questions, plans, lambda question, plan: _ask(client, name, question, plan))
        row: dict[str, Any] = {"collection": judged.name, "half": half, "questions": len(questions)}
        row |= {"sections an item": sections / len(judged.documents)}
        row |= {way: mean(answers, _ndcg) for way, answers in found.items()}
        less = {way: more(found[way], found[SECTIONS], _ndcg) for way in list(ways)[1:]}
        for way, one in less.items():
            row |= one.row(f"{way}, less", way)
        medians = {
            way: np.median([one.seconds for one in answers.values()]) for way, answers in found.items()
        }
        row["time, documents to sections"] = float(medians[DOCUMENTS] / medians[SECTIONS])
        asked = [one for one in questions if one.answer]
        for way, answers in found.items():
            held = [answers[one.id].holds for one in asked]
            row[f"{way}: answer in the first section"] = float(np.mean(held)) if held else None
        row["questions with an answer"] = len(asked)
        for way, how in ANSWERED.items():
            read = [_reads(client, name, one, how) for one in asked]
            row[f"{way}: answer in the passages read"] = float(np.mean(read)) if read else None
        yield row
        if half == HELD_OUT:
            title = f"{judged.name}: nDCG@10 by documents less that by sections, held-out half"
            report.claim(title, less[DOCUMENTS], "", ">= 0", note=f"{len(questions)} questions")


def _ndcg(one: Answered) -> float:
    return one.ndcg


def item_of(document: Document) -> Item:
    """The document with its title and its sections; a file as it is."""
    if document.file is not None:
        return document.item
    body = document.text.removeprefix(document.title).strip() if document.title else document.text
    return Item(document.id, [Section(one) for one in stretches(body or document.text)], title=document.title)


def stretches(text: str) -> Iterator[str]:
    """The text in stretches of whole sentences, which have `WORDS` words or more where all of it does."""
    parts: list[tuple[int, int]] = []
    for begin, end in sentences(text):
        if parts and len(text[slice(*parts[-1])].split()) < WORDS:
            parts[-1] = parts[-1][0], end
        else:
            parts.append((begin, end))
    if len(parts) > 1 and len(text[slice(*parts[-1])].split()) < WORDS:
        parts[-2:] = [(parts[-2][0], parts[-1][1])]
    for begin, end in parts:
        yield text[begin:end]


def _ask(client: Client, name: str, question: Question, plan: Plan) -> Answered:
    begun = time.perf_counter()
    hits = client.retrieve(name, question.words, limit=BEST, **plan.arguments).hits
    seconds = time.perf_counter() - begun
    items = items_of(one.hit.item_id for one in hits)
    holds = bool(hits) and any(text in hits[0].hit.text for text in question.answer)
    return Answered(ndcg(items, question.grades), holds, seconds)


def _reads(client: Client, name: str, question: Question, how: Mapping[str, Any]) -> bool:
    """Tell whether one of the passages that an answer would rest on holds the answer."""
    hits = client.retrieve(name, question.words, limit=BEST, **how).hits
    passages = [one.hit.text for found in hits for one in (found, *found.sections[:1])][:PASSAGES]
    return any(text in passage for text in question.answer for passage in passages)


def _in_turn(judged: Judged) -> Judged:
    """With questions that are `dev` and `held-out` in turn."""
    questions = [
        dataclasses.replace(one, split=(DEV, HELD_OUT)[place % 2])
        for place, one in enumerate(judged.answerable)
    ]
    return dataclasses.replace(judged, questions=questions)


def _texts(library: Judged) -> Judged:
    """The pages of the library, with the questions in words that pages answer."""
    pages = [one for one in library.documents if one.file is not None and one.file.suffix == ".md"]
    names = {one.id for one in pages}
    questions = [
        dataclasses.replace(one, grades={name: grade for name, grade in one.grades.items() if name in names})
        for one in library.questions
        if one.words and not one.own
    ]
    return Judged(library.name, pages, [one for one in questions if one.grades])
