"""Numbers that are ordinals by the full stop behind them: "am 8. Mai", "im 19. Jahrhundert", "20. yüzyılda".

Before a word in lower case or a month a number with a stop is one in every language; no sentence begins so.
German nouns have a capital as sentences do: there the word before the number tells, and a function word
behind it begins a sentence.
"""

from __future__ import annotations

import re

from tieback.core.terms import languages_by_function_word

LONGEST_WORD = 30
"""Characters of the word behind that are looked at."""

NUMBER, YEAR = re.compile(r"\d{1,3}"), re.compile(r"\d{4}")
ROMAN = re.compile(r"[IVX]{2,5}")
_GERMAN = (
    "ab am beim bis das dem den der des die ein eine einem einen einer eines im jede jedem jeden jeder nach "
    "oder seit und vom vor zum zur"
)
GERMAN = frozenset(_GERMAN.split())
"""Words before an ordinal in German."""
OF_A_NAME = re.compile(r"[^\W\d_][-–]$")
"""Text before the number of a name: "COVID-19"."""
WORD_BEFORE = re.compile(r"([^\W\d_]+)\s+\(?$")
_MONTHS = """
    januar jänner februar märz april mai juni juli august september oktober november dezember jan feb febr mär
    apr aug sept sep okt nov dez marts maj december január február március április május június július
    augusztus szeptember október ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık
"""
MONTHS = frozenset(_MONTHS.split())


def is_ordinal(before: str, number: str, following: str) -> bool:
    """Tell whether a number with a stop is an ordinal, by the text before it and the word behind it.

    A following word that is not known yet makes it one, as far as can be told.
    """
    if ROMAN.fullmatch(number):
        return not following or following[0].islower()
    if YEAR.fullmatch(number):
        return not following or following in MONTHS  # "1848. március 15-én"
    if not NUMBER.fullmatch(number) or OF_A_NAME.search(before):
        return False
    if not following or following[0].islower() or following.lower() in MONTHS:
        return True
    led = WORD_BEFORE.search(before)
    if led is None or led[1].lower() not in GERMAN or not following[0].isalpha():
        return False
    return following.lower() not in languages_by_function_word()
