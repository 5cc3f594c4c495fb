"""Numbers of a text in one plain form, by which they are compared: "2,850.50" and "2850.5". English.

A number is what has decimal digits. Superscripts, fractions and digits in circles are numeric characters and
no digits that a number is written with: "mm³" has none, and 10² is not 102.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from functools import lru_cache

from text_to_num import alpha2digit

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
