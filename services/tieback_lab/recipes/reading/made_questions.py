"""Questions with passages that answer them, or do not, made by rules from claims with evidence.

A span of a claim that its evidence has too is replaced by a question word: "The bridge was built in 1884"
becomes "when was the bridge built". If the evidence supports the claim, it answers the question. If it says
otherwise or does not settle the claim, then what is left in the question is not what the passage says, as in
the questions without an answer of SQuAD 2.0 (Rajpurkar et al., 2018, arXiv:1806.03822). More questions
without an answer are made from those with one: a name or a number is swapped, the sentence with the answer is
left out, or the passage is another one that shares words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from tieback.core.language import language
from tieback.core.text.sentences import sentences

LONGEST_PASSAGE = 4000
"""Characters of a passage that are read."""
AUXILIARIES = language().auxiliaries
_LOWERED = "The A An In On At It He She They This These There His Her Its Their"
LOWERED = frozenset(_LOWERED.split())
"""First words of a claim that lose their capital within a question."""
MONTHS = "|".join(sorted(month.title() for month in language().months))
YEAR = re.compile(rf"\b(?:in|since|on|during|of|around|by)\s+(?:(?:{MONTHS})\s+(?:\d+,?\s+)?)?[12]\d{{3}}\b")
NUMBER = re.compile(r"(?<![\w.,])\d[\d,]*(?:\.\d+)?(?![\w%])")
NAME = re.compile(r"\b[A-Z][\w'’-]+(?:\s+(?:of\s+|the\s+)?[A-Z][\w'’-]+)*")
THING = re.compile(r"\b(?:an?|the|some|his|her|its|their)\s+[a-z-]{3,}(?:\s+[a-z-]{4,})?\b")
PLACE = re.compile(r"\b(?:in|at|from|near|to)\s+$")
WORD = re.compile(r"\w+")
MOST_WORDS = 24
"""Of a claim: a longer one has more than one statement."""
SWAPPED = {"year": YEAR, "number": NUMBER, "name": NAME}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, a passage, and whether it answers the question; `answer` is a text within it, or empty."""

    question: str
    passage: str
    answerable: bool
    answer: str
    source: str


@dataclass(frozen=True, slots=True)
class Stated:
    """A claim and its evidence; `supported` is None where the evidence does not settle the claim."""

    evidence: str
    claim: str
    supported: bool | None
    source: str


ASKED_AND_TOLD = re.compile(r"([^?]{10,}\?)\s+(\S.{0,80})", re.DOTALL)
"""A claim that is a question with its answer."""
FULL, ALONE = 5, 0.3
"""Sentences from which a passage gets none of others; the share of shorter ones that get none either."""


def questions_of(claims: Sequence[Stated], seed: int) -> list[Asked]:
    """At most two questions of each claim, one of them with an answer at most."""
    draw = np.random.default_rng(seed)
    made = []
    for one in claims:
        question = _question_of(one, draw)
        if question is not None:
            made.append(question)
    return made + _without_answer(made, draw)


def _question_of(one: Stated, draw: np.random.Generator) -> Asked | None:
    claim = one.claim.strip().rstrip(".!").strip()
    evidence = one.evidence[:LONGEST_PASSAGE]
    told = ASKED_AND_TOLD.fullmatch(claim)
    if told and one.supported and told[2].lower() in evidence.lower():
        return Asked(told[1], evidence, True, told[2], one.source)
    if "?" in claim or not 4 <= len(claim.split()) <= MOST_WORDS:
        return None
    if draw.random() < 0.12:
        # What contradicts a claim answers whether it is so.
        return Asked(_polar(claim), evidence, one.supported is not None, "", one.source)
    lower = evidence.lower()
    spans = [span for span in _spans(claim) if _bare(claim[span[0] : span[1]]).lower() in lower]
    if not spans:
        return None
    begin, end, kind = spans[int(draw.integers(len(spans)))]
    rest = {word for word in WORD.findall((claim[:begin] + claim[end:]).lower()) if len(word) > 3}
    if not rest or (one.supported is not True and rest <= set(WORD.findall(lower))):
        return None  # nothing is left that the passage could fail to say
    question = _asked(claim[:begin], claim[end:], kind, draw)
    answer = _bare(claim[begin:end]) if one.supported else ""
    return Asked(question, evidence, bool(one.supported), answer, one.source)


def _spans(claim: str) -> Iterator[tuple[int, int, str]]:
    for kind, pattern in (("year", YEAR), ("number", NUMBER), ("name", NAME), ("thing", THING)):
        for match in pattern.finditer(claim):
            if kind != "name" or match[0] not in LOWERED:
                yield match.start(), match.end(), kind


def _bare(span: str) -> str:
    """A span without the preposition or article before it."""
    return re.sub(r"^(?:in|since|on|during|of|around|by|an?|the|some)\s+", "", span)


def _asked(before: str, after: str, kind: str, draw: np.random.Generator) -> str:
    before, after = before.strip(), after.strip()
    if kind == "year":
        word = ("when", "in what year")[int(draw.integers(2))]
    elif kind == "number":
        counted = re.match(r"[a-z]+", after)
        word = f"how many {counted[0]}" if counted else "what number"
        after = after[counted.end() :].strip() if counted else after
    elif kind == "name":
        place = PLACE.search(before + " ") if before else None
        if place:
            before = before[: place.start()].strip()
            word = "where"
        else:
            word = ("who", "what", "which person", "who", "what")[int(draw.integers(5))]
    else:
        word = "what"
    return _ordered(before, after, word)


def _ordered(before: str, after: str, word: str) -> str:
    """The question word first, then an auxiliary, then the rest."""
    words = before.split()
    if words and words[0] in LOWERED:
        words[0] = words[0].lower()
    if not words:
        return f"{word} {after}?"
    for place, one in enumerate(words):
        if place and one.lower() in AUXILIARIES:
            return " ".join([word, one, *words[:place], *words[place + 1 :], after]).strip() + "?"
    return " ".join([word, "did", *words, after]).strip() + "?"


def _polar(claim: str) -> str:
    words = claim.split()
    if words[0] in LOWERED:
        words[0] = words[0].lower()
    for place, one in enumerate(words):
        if place and one.lower() in AUXILIARIES:
            return " ".join([one, *words[:place], *words[place + 1 :]]).capitalize() + "?"
    return "Did " + " ".join(words) + "?"


def _without_answer(made: Sequence[Asked], draw: np.random.Generator) -> list[Asked]:
    """A question without an answer from most that has one."""
    pools = {
        kind: sorted({match[0] for one in made for match in pattern.finditer(one.question)})
        for kind, pattern in SWAPPED.items()
    }
    by_word = _by_name(made)
    found = []
    for one in made:
        if not one.answerable or draw.random() < 0.2:
            continue
        chance = draw.random()
        if chance < 0.35:
            other = _swapped(one, pools, draw)
        elif chance < 0.5:
            other = _cut(one)
        else:
            other = _elsewhere(one, made, by_word, draw)
        if other is not None:
            found.append(other)
    return found


def _swapped(one: Asked, pools: dict[str, list[str]], draw: np.random.Generator) -> Asked | None:
    """The question with another name or number, of which the passage does not speak."""
    there = [
        (match, kind)
        for kind, pattern in SWAPPED.items()
        for match in pattern.finditer(one.question)
        if match.start() and pools[kind]
    ]
    if not there:
        return None
    match, kind = there[int(draw.integers(len(there)))]
    other = pools[kind][int(draw.integers(len(pools[kind])))]
    if other.lower() in one.passage.lower():
        return None
    question = one.question[: match.start()] + other + one.question[match.end() :]
    return replace(one, question=question, answerable=False, answer="")


def _cut(one: Asked) -> Asked | None:
    """The passage without the sentences that have the answer."""
    if not one.answer:
        return None
    parts = [one.passage[begin:end] for begin, end in sentences(one.passage)]
    kept = [part for part in parts if one.answer.lower() not in part.lower()]
    if not kept or len(kept) == len(parts):
        return None
    return replace(one, passage=" ".join(kept), answerable=False, answer="")


def _elsewhere(
    one: Asked, made: Sequence[Asked], by_word: dict[str, list[int]], draw: np.random.Generator
) -> Asked | None:
    """The question with another passage that has one of its names."""
    words = [word for word in WORD.findall(one.question) if len(by_word.get(word, ())) > 1]
    if not words:
        return None
    places = by_word[words[int(draw.integers(len(words)))]]
    other = made[places[int(draw.integers(len(places)))]].passage
    if other == one.passage or (one.answer and one.answer.lower() in other.lower()):
        return None
    return replace(one, passage=other, answerable=False, answer="")


def crowded(asked: Sequence[Asked], draw: np.random.Generator) -> list[Asked]:
    """The questions with up to four sentences of other passages around those of short ones, which share names
    with them where they can.
    """
    by_name = _by_name(asked)
    cut = [[one.passage[begin:end] for begin, end in sentences(one.passage)] for one in asked]
    found = []
    for one, own in zip(asked, cut, strict=True):
        if len(own) >= FULL or draw.random() < ALONE:
            found.append(one)
            continue
        names = [word for word in WORD.findall(one.passage) if len(by_name.get(word, ())) > 1]
        whole = list(own)
        for _ in range(int(draw.integers(1, 5))):
            places: Sequence[int] = range(len(asked))
            if names and draw.random() < 0.7:
                places = by_name[names[int(draw.integers(len(names)))]]
            others = cut[places[int(draw.integers(len(places)))]]
            other = others[int(draw.integers(len(others)))] if others else ""
            if other and other not in own and not (one.answer and one.answer.lower() in other.lower()):
                whole.insert(int(draw.integers(len(whole) + 1)), other)
        found.append(replace(one, passage=" ".join(whole)))
    return found


def _by_name(asked: Sequence[Asked]) -> dict[str, list[int]]:
    """The places of the questions by the words with a capital in their passages."""
    found: dict[str, list[int]] = {}
    for place, one in enumerate(asked):
        for word in {*WORD.findall(one.passage[:LONGEST_PASSAGE])}:
            if word[0].isupper() and len(word) > 3:
                found.setdefault(word, []).append(place)
    return found
