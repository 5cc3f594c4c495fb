"""The words and numbers of a text, by the one pattern that everything which reads language shares."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from text_to_num import alpha2digit
from tieback_contract.arrays import Span

from tieback.core.language.data import Language, language
from tieback.core.text.terms import function_words, terms_of

# Numbers of a text in one plain form, by which they are compared: "2,850.50" and "2850.5". English.
#
# A number is what has decimal digits. Superscripts, fractions and digits in circles are numeric characters
# and no digits that a number is written with: "mm³" has none, and 10² is not 102.
WRITTEN = re.compile(r"\d[\d,]*(?:\.\d+)?")
LONGEST = 15
"""Digits of a number that may be in round figures, and that a float holds exactly; a longer one is a name."""
YEARS = range(1000, 2100)
ROUNDED = 2
"""Digits from which on a number that ends with zeros can be another one rounded."""


def in_digits(text: str) -> str:
    """The text with its written numbers in digits. "One" stays, which is more often a pronoun."""
    return str(alpha2digit(text, "en", threshold=2))


@lru_cache(4096)
def plain_number(word: str) -> str:
    """A number, in digits or written, in plain digits; empty where the word is none."""
    found = WRITTEN.fullmatch(word if WRITTEN.match(word) else in_digits(word))
    if found is None:
        return ""
    digits = found[0].replace(",", "")
    return digits.rstrip("0").rstrip(".") if "." in digits else digits.lstrip("0") or "0"


def is_rounded(number: str, exact: str) -> bool:
    """Tell whether a plain number is another one in round figures: 239000 is 238855 rounded."""
    kept = len(number.rstrip("0"))
    if "." in number or kept < ROUNDED or kept == len(number) or max(len(number), len(exact)) > LONGEST:
        return False
    if int(number) in YEARS:
        return False
    step = 10 ** (len(number) - kept)
    rounded: int = math.floor(float(exact) / step + 0.5) * step
    return rounded == int(number)


def has_number(number: str, numbers: Collection[str]) -> bool:
    """Tell whether a number is among others, or is one of them rounded: 239000 is 238855 in round figures."""
    return number in numbers or any(is_rounded(number, exact) for exact in numbers)


FORM = 6
"""Letters by which words are the same in another form."""

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
"""A number, without a mark behind it, or a word with its apostrophes."""
BETWEEN_NUMBERS = re.compile(r"\s+|-")


class Token(NamedTuple):
    """A word in lower case with its stem, or a number: its plain digits are both, and `number`.

    `span` is where it stands, as characters. A number that is written out is one token: "twenty-one" is 21.
    A content word says something by itself: it is no number, negation, function word or single letter.
    """

    word: str
    stem: str
    number: str
    span: Span
    has_capital: bool
    is_content: bool
    is_negation: bool


def tokens_of(text: str, name: str) -> list[Token]:
    """The tokens of a text of a language, in their order."""
    known = language(name)
    read = [(match[0], match.span()) for match in WORD.finditer(text)]
    lower = [word.lower().replace("’", "'") for word, _ in read]
    if not known.of_numbers.isdisjoint(lower):
        read = list(_in_digits(text, read, known))
        read = [
            one
            for place, one in enumerate(read)
            if one[0].lower() not in known.ordinal_endings or not _is_ending_of_day(read, place, known)
        ]
        lower = [word.lower().replace("’", "'") for word, _ in read]
    found = []
    for (written, span), word, stem in zip(read, lower, terms_of(lower, name), strict=True):
        number, is_content, is_negation = _sort_of(word, name)
        found.append(
            Token(number or word, number or stem, number, span, written[0].isupper(), is_content, is_negation)
        )
    return found


@lru_cache(30_000)
def _sort_of(word: str, name: str) -> tuple[str, bool, bool]:
    """The plain digits of a number, whether it is a content word, and whether it negates."""
    known = language(name)
    if word[0].isdecimal() and (number := plain_number(word)):
        return number, False, False
    if word in known.negations or word.endswith(known.negating_ending):
        return "", False, True
    return "", word not in function_words(name) and (len(word) > 1 or not word.isascii()), False


def _in_digits(text: str, every: Sequence[tuple[str, Span]], known: Language) -> Iterator[tuple[str, Span]]:
    """A word as it is written and its place, numbers in digits."""
    place = 0
    while place < len(every):
        written = every[place][0]
        if written.lower() in known.number_words:
            end = _end_of_number(text, every, place, known)
            yield from _numbers(text, every[place:end])
            place = end
        elif written[0].isdecimal() and (multiplied := _multiplied(text, every[place : place + 2], known)):
            yield multiplied
            place += 2
        else:
            yield every[place]
            place += 1


def _end_of_number(text: str, every: Sequence[tuple[str, Span]], place: int, known: Language) -> int:
    """The place behind the words of a number that begins here."""
    end = last = place
    while end < len(every):
        word = every[end][0].lower()
        if end > place and not BETWEEN_NUMBERS.fullmatch(text, every[end - 1][1][1], every[end][1][0]):
            break
        is_part = word in known.number_words or (end > place and word in known.ends_of_numbers)
        if not is_part and (end == place or word not in known.within_numbers):
            break
        end += 1
        last = end if is_part else last
    return last


def _numbers(text: str, words: Sequence[tuple[str, Span]]) -> Iterator[tuple[str, Span]]:
    """Words as numbers in digits: each stands where its words do, as far as that is known."""
    begin, end = words[0][1][0], words[-1][1][1]
    read = [match[0] for match in WORD.finditer(in_digits(text[begin:end]))]
    for place, word in enumerate(read):
        yield word, words[place][1] if len(read) == len(words) else (begin, end)


def _multiplied(text: str, pair: Sequence[tuple[str, Span]], known: Language) -> tuple[str, Span] | None:
    """A number in digits with the magnitude behind it: "1.8 million" is 1800000."""
    if len(pair) < 2:
        return None
    (number, (begin, until)), (word, (start, end)) = pair
    magnitude, plain = known.magnitudes.get(word.lower()), plain_number(number)
    if magnitude is None or len(plain) not in range(1, LONGEST) or text[until:start].strip(" -"):
        return None
    return f"{Decimal(plain) * magnitude:f}", (begin, end)


def _is_ending_of_day(every: Sequence[tuple[str, Span]], place: int, known: Language) -> bool:
    """Tell whether a word ends an ordinal, in a day of a month: "July 18th", "the 18th of July"."""
    (_, span), (number, before) = every[place], every[max(0, place - 1)]
    if not number.isdecimal() or (before[1] != span[0] and before != span):
        return False
    behind = place + 1
    if behind < len(every) and every[behind][0].lower() in known.before_months:
        behind += 1
    beside = (every[near][0].lower() for near in (place - 2, behind) if 0 <= near < len(every))
    return any(word in known.months for word in beside)
