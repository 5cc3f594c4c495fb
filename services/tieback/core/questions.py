"""What kind of answer an English question asks for, and whether a text has one."""

from __future__ import annotations

import re

from tieback.core.language import Sentence, language

KINDS = ("number", "when", "who", "where", "why", "polar", "what", "how", "other")
_ENGLISH = language()
ASKS = {kind: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for kind, pattern in _ENGLISH.asks.items()}
POLAR = re.compile(rf"\W*(?:{'|'.join(sorted(_ENGLISH.auxiliaries))})\b", re.IGNORECASE)


def asks_how_to(question: str) -> bool:
    """Whether it asks what to do: "how do I …", "how to …"."""
    return ASKS["how to"].search(question) is not None


def kind_of(question: str) -> str:
    """The first of `KINDS` that the question asks for; "other" where nothing is recognised."""
    if POLAR.match(question):
        return "polar"
    found = {kind: match.start() for kind in KINDS if kind in ASKS and (match := ASKS[kind].search(question))}
    return min(found, key=lambda kind: found[kind], default="other")


def has_expected(kind: str, question: Sentence, text: Sentence) -> bool:
    """Whether a text has something of the kind that the question does not have itself."""
    if kind == "number":
        return bool(text.amounts - question.amounts)
    if kind == "when":
        return bool(text.times - question.times or text.amounts - question.amounts)
    if kind in ("who", "where"):
        return bool(text.capitals - question.words)
    if kind == "why":
        return not text.language.reasons.isdisjoint(one.word for one in text.tokens)
    return bool(text.content - question.content)
