"""Content words, numbers and negated words of a text. English.

Words are stemmed, and function words left out, as in full text (`core/terms.py`: Snowball). Numbers that are
written out are read by text2num.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tieback.core.displayed import as_displayed
from tieback.core.plain_numbers import in_digits, is_rounded, plain_number
from tieback.core.terms import function_words, terms_of

ENGLISH = "english"
WORD = re.compile(r"\d[\d,]*(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NEGATIONS = "no not never none cannot nobody nothing neither nor without"
NEGATIONS = frozenset(_NEGATIONS.split())
"""The closed class of words that negate, beside those that end with n't."""

ANSWER = re.compile(r"\s*(?:yes|no)\b(?!\s+\w)\W*", re.IGNORECASE)
"""What a statement can begin with that answers and does not negate: "No, they are not paid"."""

MARKED = re.compile(r"\b([A-Z][\w'’-]*)(?:\s+(?=[A-Z]\b|[IVX]+\b))?([#+]+|\b[IVX]+\b|\b[A-Z]\b)")
"""A name and the letter, Roman numeral or sign behind it."""

PASSIVE = "by"
PASSIVE_REACH = 4
"""Content words before "by", the nearest of which that is a participle is the verb."""
PARTICIPLES = ("ed", "en")
"""How participles end, and some nouns ("garden"), which costs a tick at most."""
_IRREGULAR = (
    "begun bound bought brought built caught cut done drawn fed flown fought found grown heard held hit hung "
    "kept known laid led lit lost made met paid put read run said seen sent set shot shown shut sold sought "
    "spread struck stuck sung sunk sworn taught thought thrown told torn won worn"
)
IRREGULAR = frozenset(_IRREGULAR.split())
_BE = "is are was were be been being"
BE = frozenset(_BE.split())
ADVERB = "ly"
_PREPOSITIONS = (
    "in on at since during after before from until with without under for to into through between among "
    "against across within near over around inside outside along"
)
PREPOSITIONS = frozenset(_PREPOSITIONS.split())

_MONTHS = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
DAY = re.compile(
    rf"\b(?:(?P<before>{_MONTHS}\s)(?P<day>\d{{1,2}})(?:st|nd|rd|th)"
    rf"|(?P<first>\d{{1,2}})(?:st|nd|rd|th)(?P<behind>\s(?:of\s)?{_MONTHS}))\b",
    re.IGNORECASE,
)
"""A day of a month, which is the same day without "th"."""
ORDINAL = re.compile(r"\d(?:st|nd|rd|th)\b", re.IGNORECASE)

NEGATION_REACH = 2
"""How many content words a negation covers."""


@dataclass(frozen=True, slots=True)
class Words:
    """Stems of content words in the order of the text, and numbers in plain digits.

    `names` are the stems that were written with a capital within a sentence, `negated` those that follow a
    negation closely; `all_stems` has the function words too. `counts` are the numbers with what they count:
    of "three volumes and ten chapters", 3 volumes and 10 chapters. `plain` are all words as they are written
    but for the capital of the first one, without names; `marked` are names with what tells them apart from
    others: of "World War II" and "C#", (war, ii) and (c, #). `acted` are the stems of verbs behind which "by"
    names who acts, and `undergone` those of participles behind a form of "be". `led` are prepositions, each
    with the stem of the next content word, or with the number: of "in the old town", (in, old). Those that
    are content words ("since") are there with their own stem too.
    """

    stems: tuple[str, ...]
    all_stems: frozenset[str]
    names: frozenset[str]
    numbers: tuple[str, ...]
    negated: frozenset[str]
    counts: frozenset[tuple[str, str]]
    plain: frozenset[str]
    marked: frozenset[tuple[str, str]]
    negations: int
    acted: frozenset[str]
    undergone: frozenset[str]
    led: frozenset[tuple[str, str]]


def words_of(text: str) -> Words:
    """Reads a text as it is displayed."""
    text = as_displayed(text)
    stems: list[str] = []
    names: set[str] = set()
    numbers: list[str] = []
    negated: set[str] = set()
    counts: set[tuple[str, str]] = set()
    plain: set[str] = set()
    acted: set[str] = set()
    undergone: set[str] = set()
    led: set[tuple[str, str]] = set()
    before = leading = ""
    written: list[str] = []  # the words of the stems
    counting = ""  # the number that the word before was
    negations = reach = 0
    answer = ANSWER.match(text)
    found = list(WORD.finditer(_in_digits(text[answer.end() :] if answer else text)))
    lower = [match[0].lower().replace("’", "'") for match in found]
    every = terms_of(lower, ENGLISH)
    function = function_words(ENGLISH)
    for match, word, stem in zip(found, lower, every, strict=True):
        counted, counting = counting, ""
        if match[0] == word or match is found[0] or len(word) == 1:
            plain.add(word)
        if word[0].isdecimal():
            counting = plain_number(word)
            numbers.append(counting)
            led.add((leading, counting))
            leading = ""
        elif word in NEGATIONS or word.endswith("n't"):
            reach = NEGATION_REACH
            negations += 1
        elif word == PASSIVE:
            acted |= _verbs(written, stems)
        elif word not in function and (len(word) > 1 or not word.isascii()):
            stems.append(stem)
            written.append(word)
            led |= {(leading, stem), (word if word in PREPOSITIONS else "", stem)}
            leading = ""
            if before in BE and _is_participle(word):
                undergone.add(stem)
            if counted:
                counts.add((counted, stem))
            if match[0][0].isupper() and match.start() > 0:
                names.add(stem)
            if reach:
                negated.add(stem)
                reach -= 1
        before = before if before in BE and word.endswith(ADVERB) else word
        leading = word if word in PREPOSITIONS else leading
    return Words(
        tuple(stems),
        frozenset(every),
        frozenset(names),
        tuple(numbers),
        frozenset(negated),
        frozenset(counts),
        frozenset(plain),
        frozenset((name.lower(), mark.lower()) for name, mark in MARKED.findall(text)),
        negations,
        frozenset(acted),
        frozenset(undergone),
        frozenset(pair for pair in led if pair[0]),
    )


def _is_participle(word: str) -> bool:
    return word.endswith(PARTICIPLES) or word in IRREGULAR


def _verbs(written: Sequence[str], stems: Sequence[str]) -> set[str]:
    """Of the content words before a "by", the stems of the verbs that it belongs to: the nearest participle,
    and others next to it ("written and directed by"). None of a "by" without one ("an album by").
    """
    near = [place for place in range(len(written))[-PASSIVE_REACH:] if _is_participle(written[place])]
    found: set[str] = set()
    for place in reversed(near):
        if found and place + 1 not in near:
            break
        found.add(stems[place])
    return found


def has_number(number: str, numbers: Collection[str]) -> bool:
    """Whether a number is among others, or is one of them rounded: 239000 is 238855 in round figures."""
    return number in numbers or any(is_rounded(number, exact) for exact in numbers)


def lacking(stated: Words, said: Collection[str]) -> bool:
    """Whether a number that is stated is not among those that are said."""
    return any(not has_number(number, said) for number in stated.numbers)


def conflicts(stated: Words, said: Words) -> bool:
    """Whether two texts about the same matter say different things of it."""
    if lacking(stated, said.numbers) and set(said.numbers) - set(stated.numbers):
        return True
    # "10 volumes" is not in "three volumes and ten chapters", though both its words are.
    for number, thing in stated.counts - said.counts:
        others = [other for other, counted in said.counts if counted == thing]
        if others and not has_number(number, others):
            return True
    shared = set(stated.stems) & set(said.stems)
    return bool((stated.negated ^ said.negated) & shared)


def _in_digits(text: str) -> str:
    """Written numbers in digits, and days of a month."""
    digits = in_digits(text)
    return DAY.sub(_day, digits) if ORDINAL.search(digits) else digits


def _day(found: re.Match[str]) -> str:
    return "".join(part for part in found.group("before", "day", "first", "behind") if part)
