"""A question of a conversation becomes one that can be searched for without the conversation.

A question that needs what was said before ("When was it founded?") gets the names of the earlier questions on
the same topic that it lacks, or, where these name nothing, the words of the first of them. The rules are for
English: they were chosen on one half of CANARD's conversations (Elgohary et al., 2019) and measured on the
other (docs/answers.md). In other languages a question of one or two content words counts as one that needs
the history.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tieback_contract.generation import ChatMessage, ChatRole

from tieback.core.language import Sentence, language
from tieback.core.text.terms import function_words, language_of, terms_of, words_of

POINTS_BACK = re.compile(
    r"\b(?:he|him|his|she|hers?|its?|they|them|theirs?|this|that|these|those|here|ones?|then|same|such"
    r"|else|others?|another|also|too|both|former|latter|more|instead)\b"
    r"|(?<!\bis )(?<!\bare )(?<!\bwas )(?<!\bwere )\bthere\b",
    re.IGNORECASE,
)
BEGINS_WITH = re.compile(r"\W*(?:and|but|so|or|what about|how about|then|why|really)\b", re.IGNORECASE)
OWNERS = frozenset({"his", "their", "its"})
SUBJECT = re.compile(r"\b(?:(?:he|she|they|him|them)\b|(?:his|their|its)\b(?= \w))", re.IGNORECASE)
"""Words that the first missing name takes the place of; "it" and "her" may be something else."""

FEW = 2
"""Content words; a question of so many is understood by what was said before."""

JOINING = frozenset({"of", "the", "a", "de", "la", "van", "von", "and", "&"})
"""Words in lower case within a name ("Bank of England")."""

READ = 1000
"""Characters of each message that are read, and of what is added."""


def standalone(question: str, history: Sequence[ChatMessage]) -> str:
    """The question as it can be searched for alone; the same where it needs nothing of the history."""
    asked = [turn.text[:READ] for turn in history if turn.role is ChatRole.USER]
    if not asked or not question.strip() or not _needs_more(question):
        return question
    topic = asked[_begin(history) :]
    # A year of a question before is rarely that of this one.
    named = [name for one in topic for name in names(one) if not name.isdecimal()]
    missing = _missing(question, named)
    if not missing and not named:
        missing = _missing(question, topic[0].split())
    elif missing and (place := _subject_in(question)):
        name, *missing = missing
        begin, end = place
        owner = "'s" if question[begin:end].lower() in OWNERS else ""
        question = f"{question[:begin]}{name}{owner}{question[end:]}"
    added = ", ".join(missing)[:READ]
    return f"{question} ({added})" if added else question


def names(text: str) -> list[str]:
    """The names in a text: runs of words with a capital or a digit, in their order.

    A word with a capital that begins the text is part of a name where another one follows.
    """
    found: list[list[str]] = []
    run: list[str] = []
    for place, word in enumerate(text.split()):
        bare = word.strip("\"'“”‘’()[]{}<>,;:!?").removesuffix("'s").removesuffix("’s")
        is_name = _is_name(bare) and not (not run and bare.lower() in function_words("english"))
        begins = not place and not any(one.isupper() or one.isdigit() for one in bare[1:])
        if is_name or (run and bare in JOINING):
            run.append(f"{bare}\0" if begins else bare)
        ends = not is_name and bare not in JOINING
        if ends or word[-1:] in ",;:!?)":
            found.append(run)
            run = []
    return [name for one in (*found, run) if (name := _joined(one))]


def _joined(run: list[str]) -> str:
    while run and run[-1] in JOINING:
        run = run[:-1]
    if len(run) == 1 and run[0].endswith("\0"):
        return ""
    return " ".join(run).replace("\0", "").rstrip(".")


def _is_name(word: str) -> bool:
    return word[:1].isupper() or any(one.isdigit() for one in word)


def _subject_in(question: str) -> tuple[int, int] | None:
    """The first word that stands for somebody, unless it follows a name, which it may be about."""
    found = SUBJECT.search(question[:READ])
    return found.span() if found and not names(question[: found.start()]) else None


def _needs_more(question: str) -> bool:
    read = question[:READ]
    return bool(POINTS_BACK.search(read) or BEGINS_WITH.match(read)) or len(_content(read)) <= FEW


def _begin(history: Sequence[ChatMessage]) -> int:
    """The question, by its number, that the topic begins with: it needs nothing, and all it names is new."""
    said: set[str] = set()
    begin = number = 0
    for turn in history:
        text = turn.text[:READ]
        if turn.role is ChatRole.USER:
            own = _content(" ".join(names(text)))
            if number and own and not own & said and not _needs_more(text):
                begin = number
            number += 1
        said |= _content(text)
    return begin


def _missing(question: str, parts: Sequence[str]) -> list[str]:
    """The parts, each once, with a content word that neither the question nor an earlier part has."""
    return list(_new(_content(question[:READ]), parts))


def _new(known: set[str], parts: Sequence[str]) -> Iterator[str]:
    for part in parts:
        own = _content(part)
        if own - known:
            known |= own
            yield part.strip(",;:!?")


def _content(text: str) -> set[str]:
    """The terms of a text's content words."""
    words = words_of(text)
    language = language_of(words)
    return set(terms_of([word for word in words if word not in function_words(language)], language))


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
