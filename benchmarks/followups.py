"""Measure the answers to follow-up questions: what the rewriting of a question finds, beside other ways.

--data is laid out as shared/data: followups/dev.jsonl has conversations about one article each (CANARD),
whose last question a person rewrote. A first question is put before each ("Tell me about TITLE."), since
people who wrote them saw the title. Every later question with an answer is asked of a server that has the
answers of all conversations as items, under the titles of their articles and without titles: the rank of its
own answer is measured. For the last question stands how many content words of the person's rewrite the
rewriting has. Topics change where two turns of another conversation come first. Questions of collections/
(hotels, medicine) after two others of the same collection need nothing, so rewriting can only harm. Half 0 of
the articles chose the rules, half 1 was kept aside. Intervals are 95 % paired bootstrap intervals.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tieback.core.text.questions import names, standalone
from tieback.core.text.terms import function_words, terms_of, words_of
from tieback_client import Client, Item
from tieback_contract.generation import ChatMessage, ChatRole

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.report import Report
from benchmarks.served import NO_GENERATOR, UNCACHED, asking
from benchmarks.statistics import paired

HOLDS = "conversations, collections"
UNKNOWN = "I don't know."
LIMIT = 10
COLLECTIONS = ("travelfaq", "bioasq")
Rewriting = Callable[[str, Sequence[ChatMessage]], str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question after a history, in a collection, and the items that answer it."""

    collection: str
    question: str
    history: Sequence[ChatMessage]
    answers: frozenset[str]


def _questions(history: Sequence[ChatMessage]) -> list[str]:
    return [turn.text for turn in history if turn.role is ChatRole.USER]


WAYS: Mapping[str, Rewriting] = {
    "as asked": lambda question, _: question,
    "after the question before": lambda question, history: f"{_questions(history)[-1]} {question}",
    "after all questions": lambda question, history: " ".join([*_questions(history), question]),
    "with all names of questions": lambda question, history: " ".join(
        [question, *dict.fromkeys(name for one in _questions(history) for name in names(one))]
    ),
    "rewritten": standalone,
}
"""The last is the product's."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--half", type=int, choices=(0, 1), default=1, help="of the articles [1, kept aside]")
    parser.add_argument("--most", type=int, default=0, metavar="N", help="questions of a kind [all]")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    every = list(read_rows(data / "followups" / "dev.jsonl"))
    kept = [row for row in every if _half(row["title"]) == options.half]
    documents = {"titled": _answers(every, titled=True), "untitled": _answers(every, titled=False)}
    asked = {
        "answers under titles": list(_follow_ups(kept, "titled", changing=False)),
        "answers without titles": list(_follow_ups(kept, "untitled", changing=False)),
        "answers under titles, after another topic": list(_follow_ups(kept, "titled", changing=True)),
    }
    for name in COLLECTIONS:
        folder = data / "collections" / name
        documents[name] = [
            Item.from_text(row["id"], row["text"], title=row.get("title") or "")
            for row in read_rows(folder / "documents.jsonl")
        ]
        asked[f"{name}, needs nothing"] = list(
            _standing_alone(name, list(read_rows(folder / "questions.jsonl")))
        )
    if options.most:
        asked = {name: ones[: options.most] for name, ones in asked.items()}
    return measured(documents, asked, kept)


def measured(
    documents: Mapping[str, Sequence[Item]],
    asked: Mapping[str, Sequence[Asked]],
    rewritten: Sequence[Mapping[str, Any]],
    spaces: Sequence[str] = ("all-minilm-l6-v2",),
) -> Report:
    """Asks every question in every way, of a server of `spaces`."""
    report = Report()
    with asking(spaces=spaces, settings=NO_GENERATOR | UNCACHED) as client:
        for name, items in documents.items():
            client.ingest(name, items).collect()
        found = {
            kind: {
                way: np.array([_score(client, one, rewrite) for one in ones]) for way, rewrite in WAYS.items()
            }
            for kind, ones in asked.items()
        }
    report.table(
        f"reciprocal rank of the answer among {LIMIT} hits, mean",
        [
            {"questions": kind, "number": len(asked[kind])}
            | {way: float(each.mean()) for way, each in ways.items()}
            for kind, ways in found.items()
        ],
    )
    report.table("content words of a person's rewrite", list(_words(rewritten)))
    for kind, ways in found.items():
        more = paired(ways["rewritten"], ways["as asked"])
        least = "> -0.03" if kind.endswith("nothing") else "> 0"
        note = f"{len(asked[kind])} questions"
        what = f"rewritten, less as asked: {kind}"
        report.claim(what, more, "", least, note=note)
    return report


def _half(title: str) -> int:
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % 2


def _is_known(turn: Mapping[str, str]) -> bool:
    return turn["answer"].strip() != UNKNOWN and len(turn["answer"]) > len(UNKNOWN)


def _answers(conversations: Sequence[Mapping[str, Any]], *, titled: bool) -> list[Item]:
    texts = {
        turn["answer"]: f"{row['title']}, {row['section']}"
        for row in conversations
        for turn in row["history"]
        if _is_known(turn)
    }
    return [Item.from_text(_id(text), text, title=title if titled else "") for text, title in texts.items()]


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _turns(row: Mapping[str, Any], until: int) -> list[ChatMessage]:
    said = [(f"Tell me about {row['title']}.", "-")]
    said += [(turn["question"], turn["answer"]) for turn in row["history"][:until]]
    return [
        ChatMessage(speaker, text)
        for turn in said
        for speaker, text in zip((ChatRole.USER, ChatRole.ASSISTANT), turn, strict=True)
    ]


def _follow_ups(
    conversations: Sequence[Mapping[str, Any]], collection: str, *, changing: bool
) -> Iterator[Asked]:
    draw = np.random.default_rng(3)
    for row in conversations:
        for place, turn in enumerate(row["history"]):
            if not _is_known(turn):
                continue
            before: list[ChatMessage] = []
            if changing:
                others = [one for one in conversations if one["title"] != row["title"]]
                before = _turns(others[draw.integers(len(others))], 2)
            history = [*before, *_turns(row, place)]
            yield Asked(collection, turn["question"], history, frozenset({_id(turn["answer"])}))


def _standing_alone(collection: str, questions: Sequence[Mapping[str, Any]]) -> Iterator[Asked]:
    known = [row for row in questions if row["answerable"]]
    draw = np.random.default_rng(7)
    for place, row in enumerate(known):
        others = [one for one in draw.permutation(len(known))[:3].tolist() if one != place][:2]
        said = [(known[one]["question"], known[one]["answers"][-1]) for one in others]
        history = [
            ChatMessage(speaker, text)
            for turn in said
            for speaker, text in zip((ChatRole.USER, ChatRole.ASSISTANT), turn, strict=True)
        ]
        yield Asked(collection, row["question"], history, frozenset(row["documents"]))


def _score(client: Client, asked: Asked, rewrite: Rewriting) -> float:
    hits = client.retrieve(asked.collection, rewrite(asked.question, asked.history), limit=LIMIT).hits
    ranks = [rank for rank, found in enumerate(hits, 1) if found.hit.item_id in asked.answers]
    return 1 / ranks[0] if ranks else 0.0


def _words(conversations: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for way, rewrite in WAYS.items():
        recalls, precisions = [], []
        for row in conversations:
            own = _content(rewrite(row["question"], _turns(row, len(row["history"]))))
            wanted = _content(row["rewrite"])
            recalls.append(len(own & wanted) / max(len(wanted), 1))
            precisions.append(len(own & wanted) / max(len(own), 1))
        yield {
            "way": way,
            "conversations": len(conversations),
            "recall": float(np.mean(recalls)),
            "precision": float(np.mean(precisions)),
        }


def _content(text: str) -> set[str]:
    words = [word for word in words_of(text) if word not in function_words("english")]
    return set(terms_of(words, "english"))
