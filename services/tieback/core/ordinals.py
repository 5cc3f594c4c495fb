"""Numbers that are ordinals by the full stop behind them: "am 8. Mai", "im 19. Jahrhundert", "20. yüzyılda".

Before a word in lower case or a month a number with a stop is one in every language; no sentence begins so.
German nouns have a capital as sentences do: there the word before the number tells, and a function word
behind it begins a sentence.
"""

from __future__ import annotations

import re
from functools import cache

from tieback.core.language.data import language, languages
from tieback.core.terms import languages_by_function_word

LONGEST_WORD = 30
"""Characters of the word behind that are looked at."""

NUMBER, YEAR = re.compile(r"\d{1,3}"), re.compile(r"\d{4}")
ROMAN = re.compile(r"[IVX]{2,5}")
OF_A_NAME = re.compile(r"[^\W\d_][-–]$")
"""Text before the number of a name: "COVID-19"."""
WORD_BEFORE = re.compile(r"([^\W\d_]+)\s+\(?$")


def is_ordinal(before: str, number: str, following: str) -> bool:
    """Tell whether a number with a stop is an ordinal, by the text before it and the word behind it.

    A following word that is not known yet makes it one, as far as can be told.
    """
    if ROMAN.fullmatch(number):
        return not following or following[0].islower()
    if YEAR.fullmatch(number):
        return not following or following in _months()  # "1848. március 15-én"
    if not NUMBER.fullmatch(number) or OF_A_NAME.search(before):
        return False
    if not following or following[0].islower() or following.lower() in _months():
        return True
    led = WORD_BEFORE.search(before)
    if led is None or led[1].lower() not in language("german").before_ordinals or not following[0].isalpha():
        return False
    return following.lower() not in languages_by_function_word()


@cache
def _months() -> frozenset[str]:
    """The months of all languages whose ordinals have a stop."""
    every = map(language, languages())
    return frozenset().union(*(one.months for one in every if one.ordinals_have_stops))
