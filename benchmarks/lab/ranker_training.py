"""Makes the ranker that ships: learns it from judged texts whose licences permit training.

--data is laid out as shared/data: claims with their evidence (grounding/train.jsonl, and the part of
nli/train.jsonl that is of FEVER), and WordNet (graphs/wn18rr). They become eight collections with queries:

    fever, wow, factcheck, dialogue   a claim, or an answer in a dialogue, is to find its evidence
    feverous                          a claim is to find its sentences first, and then others of their pages
    titles                            the title of a page is to find its sentences, which are without it
    passages                          the beginning of a passage is to find the rest of it, in pieces
    wordnet                           a word with its gloss is to find the words that it is related to

In the last three, and in feverous, several documents are relevant to a query: what documents say of each
other can be learned there alone.

They are asked of a server that is started for it, QUERIES each. The ranker is written to --output with its
provenance, and beside it candidates.jsonl, what the server gave: where --output has that already, it is
learned from that, and no server is started. None of the collections that rankings are compared on is among
them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tieback.core.text.sentences import sentences
from tieback.models.store import Store
from tieback.recipes.train import train
from tieback.serving.commands.judged_queries import Judgement, candidates_of
from tieback_client import Client, Item

from benchmarks.data_folder import read_rows
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, asking

QUERIES, FEWEST_WORDS, LONGEST = 150, 4, 300
RELATED, LEAST_RELATED = 5, 3
"""A word is a query if it has so many relations, and so many of them are no queries themselves."""
PASSAGES, PIECE_WORDS = {"begin-cmu-dog", "begin-topicalchat", "faithdial-audit", "factcheck-gpt"}, 8
Row = Mapping[str, Any]
Graded = Mapping[str, int]


class Training:
    """A collection to learn from: documents by id, `(title, text)`, and queries with their grades."""

    def __init__(
        self,
        name: str,
        documents: Mapping[str, tuple[str, str]],
        queries: Mapping[str, Graded],
        fewest_words: int = FEWEST_WORDS,
    ) -> None:
        self.name, self.documents = name, documents
        known = sorted(
            query for query, grades in queries.items() if grades and len(query.split()) >= fewest_words
        )
        drawn = np.random.default_rng(0).permutation(len(known))[:QUERIES]
        self.queries = {known[place]: queries[known[place]] for place in drawn.tolist()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, metavar="DIR", required=True, help="the judged texts")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", required=True, help="where the ranker is written"
    )


def run(options: argparse.Namespace) -> Report:
    options.output.mkdir(parents=True, exist_ok=True)
    candidates = options.output / "candidates.jsonl"
    if not candidates.exists():
        with asking(settings=NO_GENERATOR) as client:
            trainings = collections(options.data)
            for training in trainings:
                client.ingest(training.name, items(training)).collect()
            lines = [f"{line}\n" for line in asked(client, trainings, print)]
        candidates.write_text("".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        return learned(candidates, Store(Path(folder) / "models"), options.output)


def items(training: Training) -> list[Item]:
    """Items that are ingested."""
    return [Item.from_text(id, text, title=title) for id, (title, text) in training.documents.items()]


def asked(client: Client, trainings: Sequence[Training], say: Callable[[str], None]) -> Iterator[str]:
    """The lines of a file of candidates."""
    judgements = [
        Judgement(number, training.name, query, grades, 0)
        for training in trainings
        for number, (query, grades) in enumerate(training.queries.items(), 1)
    ]
    return candidates_of(client, judgements, say)


def learned(candidates: Path, store: Store, output: Path) -> Report:
    """Learns from the candidates, and says what was measured by cross-validation."""
    outcome = train("ranker", {}, cards=(), store=store, data=[candidates], output=output, say=print)
    report = Report()
    for title, rows in outcome.learned.report.items():
        report.table(title, rows)
    measured = outcome.learned.metrics["ndcg@10"]
    report.claim(
        "nDCG@10 of queries that were held out, less that of the search",
        measured["difference"],
        "",
        "> 0",
        low=measured["low"],
        high=measured["high"],
        note=f"{measured['queries']} queries; {outcome.artifact.revision}",
    )
    return report


def collections(folder: Path) -> list[Training]:
    """The collections to learn from."""
    grounding = list(_rows(folder / "grounding" / "train.jsonl"))
    fever = [
        {"evidence": row["premise"], "claim": row["hypothesis"], "label": "supported", "source": "fever"}
        for row in _rows(folder / "nli" / "train.jsonl")
        if row["source"] == "fever"
    ]
    judged, supported = {"supported", "contradicted"}, {"supported"}
    return [
        _by_evidence("fever", [*grounding, *fever], {"fool-me-twice", "fever-symmetric", "fever"}, judged),
        _by_evidence("wow", grounding, {"begin-wow"}, supported),
        _by_evidence("factcheck", grounding, {"factcheck-gpt"}, judged),
        _by_evidence(
            "dialogue",
            grounding,
            {"begin-cmu-dog", "begin-topicalchat", "faithdial-audit", "halueval-qa"},
            supported,
        ),
        _by_pages("feverous", grounding),
        _by_titles("titles", grounding),
        _by_passages("passages", grounding),
        _wordnet("wordnet", folder / "graphs" / "wn18rr"),
    ]


def _rows(path: Path) -> Iterator[Row]:
    for row in read_rows(path):
        yield {name: _clean(value) for name, value in row.items()}


def _clean(value: Any) -> Any:
    return value.replace("\0", " ") if isinstance(value, str) else value


def _by_evidence(name: str, rows: Iterable[Row], sources: set[str], labels: set[str]) -> Training:
    """Each evidence is a document; the evidence of a claim with one of the labels is relevant."""
    ids: dict[str, str] = {}
    queries: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row["source"] in sources:
            document = ids.setdefault(row["evidence"], f"d{len(ids)}")
            if row["label"] in labels:
                queries[row["claim"]][document] = 1
    return Training(name, {document: ("", text) for text, document in ids.items()}, queries)


def _by_pages(name: str, rows: Iterable[Row]) -> Training:
    """Each sentence is a document with the page as its title; a claim's own sentences have grade 2."""
    ids: dict[tuple[str, str], str] = {}
    pages: dict[str, list[str]] = defaultdict(list)
    queries: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        if row["source"] != name:
            continue
        for line in row["evidence"].split("\n"):
            page, found, sentence = line.partition("\t")
            if not found:
                continue
            if (page, sentence) not in ids:
                ids[page, sentence] = f"d{len(ids)}"
                pages[page].append(ids[page, sentence])
            queries[row["claim"]][ids[page, sentence]] = 2
    page_of = {document: page for (page, _), document in ids.items()}
    for grades in queries.values():
        for document in list(grades):
            for other in pages[page_of[document]]:
                grades.setdefault(other, 1)
    return Training(name, {document: text for text, document in ids.items()}, queries)


def _by_titles(name: str, rows: Iterable[Row]) -> Training:
    """Each sentence is a document; the title of its page is to find it, if there are enough of them."""
    ids: dict[str, str] = {}
    pages: dict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        for line in row["evidence"].split("\n") if row["source"] == "feverous" else ():
            page, found, sentence = line.partition("\t")
            if found:
                pages[page][ids.setdefault(sentence, f"d{len(ids)}")] = 1
    queries = {page: grades for page, grades in pages.items() if len(grades) >= LEAST_RELATED}
    return Training(name, {document: ("", text) for text, document in ids.items()}, queries, 1)


def _by_passages(name: str, rows: Iterable[Row]) -> Training:
    """Each two sentences of a passage are a document, but for the first two, which are to find the others."""
    documents: dict[str, tuple[str, str]] = {}
    queries: dict[str, dict[str, int]] = {}
    passages = {row["evidence"]: None for row in rows if row["source"] in PASSAGES}
    for passage in passages:
        each = [passage[begin:end] for begin, end in sentences(passage)]
        pieces = [" ".join(each[place : place + 2]) for place in range(0, len(each), 2)]
        first, *others = [one for one in pieces if len(one.split()) >= PIECE_WORDS] or [""]
        if len(others) < LEAST_RELATED:
            continue
        grades = queries.setdefault(first[:LONGEST], {})
        for other in others:
            documents[f"d{len(documents)}"] = ("", other)
            grades[f"d{len(documents) - 1}"] = 1
    return Training(name, documents, queries)


def _wordnet(name: str, folder: Path) -> Training:
    """Each word with its gloss is a document; of a query those that it is related to are relevant."""
    texts = {}
    for line in (folder / "texts.tsv").read_text().splitlines():
        entity, word, gloss = line.split("\t")[:3]
        texts[entity] = f"{word}: {gloss}"
    related: dict[str, set[str]] = defaultdict(set)
    for part in ("train", "valid", "test"):
        for line in (folder / f"{part}.tsv").read_text().splitlines():
            head, _, tail = line.split("\t")
            related[head].add(tail)
            related[tail].add(head)
    able = [entity for entity in texts if len(related[entity]) >= RELATED]
    drawn = np.random.default_rng(1).permutation(len(able))[: 2 * QUERIES]
    queries = {able[place] for place in drawn.tolist()}
    documents = {entity: ("", text) for entity, text in texts.items() if entity not in queries}
    graded = {entity: {one: 1 for one in sorted(related[entity]) if one in documents} for entity in queries}
    return Training(
        name,
        documents,
        {
            texts[entity][:LONGEST]: grades
            for entity, grades in graded.items()
            if len(grades) >= LEAST_RELATED
        },
    )
