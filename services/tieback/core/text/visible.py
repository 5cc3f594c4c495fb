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


_CLOSING = re.compile(r"</([a-z][\w-]{0,30})\s*>", re.IGNORECASE)
_TAG = re.compile(r"(?P<code>`[^`\n]*`)|</?(?P<name>[a-z][\w-]{0,30})(?:\s[^<>]*)?/?>", re.IGNORECASE)


def untagged(text: str) -> str:
    """The text without its tags, and with a blank for a new line.

    Not every word in angles is a tag: "<duration>" stays, for nothing closes it and it has no attributes. So
    does what stands in code, between grave accents.
    """
    closed = {name.lower() for name in _CLOSING.findall(text)}

    def shown(found: re.Match[str]) -> str:
        name = (found["name"] or "").lower()
        if name == "br":
            return " "
        return "" if name in closed or (name and "=" in found[0]) else found[0]

    return _TAG.sub(shown, text) if "<" in text else text
