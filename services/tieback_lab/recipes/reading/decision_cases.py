"""Questions with passages that were found for them, and what is to be done, made of labelled claims.

Of a claim with its evidence a question is made (`recipes/reading/made_questions.py`), and the passages of its
set are searched for it. Where its evidence is among them, it is answered. Where the evidence is left out, or
is what says otherwise, another search may find what is missing. Where another set is searched, there is
nothing. And where a phrase asks for the article about a name, the item itself is what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tieback_contract.answers import AnswerAction
from tieback_contract.arrays import Array

from tieback_lab.recipes.reading.made_questions import LOWERED, NAME, Asked

PASSAGES = 4
"""That are found for a question."""

REQUESTS = (
    "Show me the article about {}.", "Find the page on {}", "open the document about {}",
    "Which document is about {}?", "I am looking for the text on {}.", "Where is the entry for {}?",
    "Give me the source on {}", "Do we have anything on {}?", "{} article", "link to the page about {}",
    "Can you pull up the notes on {}?", "Search the library for {}", "the passage that mentions {}",
)  # fmt: skip
"""What asks for an item."""

ASKING = (
    "",
    "",
    "",
    "Tell me, ",
    "Do you know ",
    "Please answer: ",
    "I want to know ",
    "Find out ",
    "Show that you know ",
)
"""What stands before a question and changes nothing; most questions have nothing before them."""

TYPED = 0.4
"""The share of questions and of requests in lower case, without a mark at the end."""


@dataclass(frozen=True, slots=True)
class DecisionCase:
    """A question, the places of the passages that are found for it, best first, and what is to be done."""

    question: str
    passages: Sequence[int]
    action: AnswerAction
    source: str


@dataclass(frozen=True, slots=True)
class Library:
    """The passages of all sets, the set of each, and the best cosine of each with each question
    `[questions, passages]`.
    """

    passages: Sequence[str]
    sources: Sequence[str]
    nearness: Array


def requests_of(asked: Sequence[Asked], seed: int) -> list[tuple[str, str]]:
    """For each question how it is asked, and what asks for the item that it is about; empty where it has no
    name.
    """
    draw = np.random.default_rng(seed)
    found = []
    for one in asked:
        names = [name[0] for name in NAME.finditer(one.question) if name[0] not in LOWERED]
        names = [name for name in names if name in one.passage]
        before = ASKING[int(draw.integers(len(ASKING)))]
        question = before + (one.question[:1].lower() + one.question[1:] if before else one.question)
        phrase = REQUESTS[int(draw.integers(len(REQUESTS)))].format(max(names, key=len)) if names else ""
        found.append((_typed(question, draw), _typed(phrase, draw)))
    return found


def _typed(text: str, draw: np.random.Generator) -> str:
    """As it is, or as people type into a field of search: a mark or a capital does not tell what is asked."""
    return text.lower().rstrip("?. ") if draw.random() < TYPED else text


def cases_of(
    asked: Sequence[Asked], wordings: Sequence[tuple[str, str]], library: Library, seed: int
) -> Iterator[DecisionCase]:
    """The cases of each question; `nearness` of the library has two rows for each: as a question, and as a
    request.
    """
    draw = np.random.default_rng(seed)
    places: Mapping[str, int] = {text: place for place, text in enumerate(library.passages)}
    sources = np.array(library.sources)
    others = sorted(set(library.sources))
    for number, (one, (question, request)) in enumerate(zip(asked, wordings, strict=True)):
        near, wanted = library.nearness[2 * number], library.nearness[2 * number + 1]
        here = sources == one.source
        own = places[one.passage]
        has = np.array([bool(one.answer) and one.answer.lower() in text.lower() for text in library.passages])
        has[own] = True
        elsewhere = (
            sources
            == others[(others.index(one.source) + 1 + int(draw.integers(len(others) - 1))) % len(others)]
        )
        if one.answerable:
            yield DecisionCase(
                question, _with(own, _best(near, here & ~has), near), AnswerAction.ANSWER, one.source
            )
            yield DecisionCase(question, _best(near, here & ~has), AnswerAction.SEARCH, one.source)
        else:
            yield DecisionCase(
                question, _with(own, _best(near, here & ~has), near), AnswerAction.SEARCH, one.source
            )
        yield DecisionCase(question, _best(near, elsewhere & ~has), AnswerAction.ABSTAIN, one.source)
        if request and one.answerable:
            found = _with(own, _best(wanted, here & (np.arange(len(here)) != own)), wanted)
            yield DecisionCase(request, found, AnswerAction.ITEM, one.source)
            if number % 2:
                yield DecisionCase(request, _best(wanted, elsewhere & ~has), AnswerAction.ABSTAIN, one.source)


def _best(near: Array, allowed: Array) -> list[int]:
    found = np.nonzero(allowed)[0]
    return [int(place) for place in found[np.argsort(-near[found], kind="stable")[:PASSAGES]]]


def _with(own: int, others: Sequence[int], near: Array) -> list[int]:
    """One passage with the best of the others, best first."""
    return sorted([own, *others[: PASSAGES - 1]], key=lambda place: -float(near[place]))
