"""Texts as a reader sees them.

A claim is checked as it is shown. Characters that show nothing (soft hyphens of a PDF, zero-width spaces)
would tear words apart, digits of other scripts would be other numbers than the same ones in ASCII, and what
stands behind a right-to-left override is shown the other way round (Boucher and Anderson, 2021,
arXiv:2111.00169).
"""

from __future__ import annotations

import re
import unicodedata

FONTS = ("<wide>", "<narrow>", "<font>")
"""Decompositions that change how a letter looks and not which it is. Not of superscripts: 10² is not 102."""

IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""What shows nothing beside the characters of format (Cf): Default_Ignorable_Code_Point of Unicode."""

REVERSED = re.compile("\u202e([^\u202c\n]*)\u202c?")


class _Displayed(dict[int, str]):
    """What is shown of a character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        shown = self[code] = _shown(chr(code))
        return shown


def _shown(character: str) -> str:
    if unicodedata.category(character) == "Cf" or IGNORED.match(character):
        return ""
    if (digit := unicodedata.decimal(character, None)) is not None:
        return str(digit)
    if unicodedata.decomposition(character).startswith(FONTS):
        return unicodedata.normalize("NFKC", character)
    return character


_DISPLAYED = _Displayed()


def as_displayed(text: str) -> str:
    """The text as it is shown: accents composed (NFC), digits in ASCII, letters without a font, nothing that
    shows nothing.
    """
    if text.isascii():
        return text
    turned = REVERSED.sub(lambda match: match[1][::-1], text)
    return unicodedata.normalize("NFC", turned.translate(_DISPLAYED))
