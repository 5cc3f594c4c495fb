"""What kind of answer an English question asks for, and whether a text has one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

KINDS = ("number", "when", "who", "where", "why", "polar", "what", "how", "other")
_ASKS = {
    "number": r"how (?:many|much|long|old|often|far|big|large|tall|high|deep|fast)"
    r"|(?:what|which) (?:number|percent|percentage|share|amount|age|population)",
    "when": r"when|(?:what|which) (?:year|date|day|month|century|decade)",
    "who": r"who|whom|whose",
    "where": r"where|(?:what|which) (?:city|country|place|state|town)",
    "why": r"why",
    "what": r"what|which",
    "how": r"how",
}
ASKS = {kind: re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE) for kind, pattern in _ASKS.items()}
POLAR = re.compile(
    r"\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|must)\b", re.IGNORECASE
)
HOW_TO = re.compile(
    r"\bhow (?:do|can|could|should|would|must|may|might) (?:i|you|we|one)\b|\bhow to\b", re.IGNORECASE
)
WORD = re.compile(r"\w+")
NUMBER = re.compile(
    r"\b(?:\d[\d,]*(?:\.\d+)?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty"
    r"|fifty|hundreds?|thousands?|millions?|billions?|half|once|twice|dozens?)\b",
    re.IGNORECASE,
)
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
CALENDAR = frozenset([*_MONTHS.split("|"), *_DAYS.split("|")])
"""Names of months and days of the week."""
TIME = re.compile(
    rf"\b(?:[12]\d{{3}}s?|\d0s|\d{{1,2}}(?:st|nd|rd|th)|{_MONTHS}|{_DAYS}|century|spring|summer|autumn|winter"
    r"|morning|noon|evening|night|midnight|today|yesterday|tomorrow|daily|weekly|monthly|before|after|during"
    r"|until|every)\b",
    re.IGNORECASE,
)
NAME = re.compile(r"\b[A-Z][\w'’-]*")
REASON = re.compile(r"\b(?:because|due|since|so|to|for|as|therefore|caused?)\b", re.IGNORECASE)
NEGATION = re.compile(
    r"\b(?:no|not|never|none|nobody|nothing|neither|nor|without|cannot)\b|n['’]t\b", re.IGNORECASE
)
STEM, CONTENT = 6, 4
"""Words are compared by so many of their first letters, and are content from so many on."""


@dataclass(frozen=True)
class Read:
    """The words, names, numbers and times of a text."""

    text: str

    @cached_property
    def words(self) -> frozenset[str]:
        """All, cut to their first letters."""
        return frozenset(word.lower()[:STEM] for word in WORD.findall(self.text))

    @cached_property
    def content(self) -> frozenset[str]:
        """Those that are long enough, or numbers."""
        long = (word for word in WORD.findall(self.text) if len(word) >= CONTENT or word.isdecimal())
        return frozenset(word.lower()[:STEM] for word in long)

    @cached_property
    def names(self) -> frozenset[str]:
        """Words with a capital, but for the first."""
        first = WORD.search(self.text)
        begin = first.end() if first else 0
        return frozenset(match[0].lower()[:STEM] for match in NAME.finditer(self.text, begin))

    @cached_property
    def capitals(self) -> frozenset[str]:
        """Words with a capital."""
        return frozenset(match[0].lower()[:STEM] for match in NAME.finditer(self.text))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Numbers in digits or words."""
        return frozenset(match[0].lower().replace(",", "") for match in NUMBER.finditer(self.text))

    @cached_property
    def times(self) -> frozenset[str]:
        """Years, months, days and the like."""
        return frozenset(match[0].lower() for match in TIME.finditer(self.text))

    @cached_property
    def is_negated(self) -> bool:
        """Whether there is a negation."""
        return NEGATION.search(self.text) is not None


def asks_how_to(question: str) -> bool:
    """Whether it asks what to do: "how do I …", "how to …"."""
    return HOW_TO.search(question) is not None


def kind_of(question: str) -> str:
    """The first of `KINDS` that the question asks for; "other" where nothing is recognised."""
    if POLAR.match(question):
        return "polar"
    found = {kind: match.start() for kind, pattern in ASKS.items() if (match := pattern.search(question))}
    return min(found, key=lambda kind: found[kind], default="other")


def has_expected(kind: str, question: Read, text: Read) -> bool:
    """Whether a text has something of the kind that the question does not have itself."""
    if kind == "number":
        return bool(text.numbers - question.numbers)
    if kind == "when":
        return bool(text.times - question.times or text.numbers - question.numbers)
    if kind in ("who", "where"):
        return bool(text.capitals - question.words)
    if kind == "why":
        return REASON.search(text.text) is not None
    return bool(text.content - question.content)
