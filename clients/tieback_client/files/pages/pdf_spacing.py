"""Spacing of a PDF's texts as gaps between their parts, which pypdf measures words by.

A text may be widened at each of its spaces (Tw), as in a justified line. pypdf does not count that, and takes
the end of such a text for a gap before the next part of the same word. A gap in a TJ array is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tieback_client.files.budget import Budget

_SPACE = b" "
_SHOWS = {b"Tj": 0, b"'": 0, b'"': 2, b"TJ": 0}
"""Operators that show text, and which of their operands has it."""
LEAST_SPACE = 0.25
"""Of its width, that a space keeps; Ghostscript moves letters together by spaces that keep none."""
_NEXT_LINE: tuple[list[Any], bytes] = ([], b"T*")


def spaced(pypdf: Any, page: Any, budget: Budget) -> None:
    """Writes the spacing of a page's texts as gaps. `TookTooLong` where that takes more than its time."""
    contents = page.get("/Contents")
    if contents is None:
        return
    stream = pypdf.generic.ContentStream(contents.get_object(), page.pdf, "bytes")
    texts = _Texts(pypdf.generic, _space_widths(page))
    operations: list[tuple[Any, bytes]] = []
    for operands, operator in stream.operations:
        budget.check()
        operations += texts.written(operands, operator)
    stream.operations = operations
    page[pypdf.generic.NameObject("/Contents")] = stream


def _space_widths(page: Any) -> dict[str, float]:
    """The width of a space in thousandths of the size, of each font that is of single bytes; 0 if unknown.

    Where a character takes several bytes, a space is not widened.
    """
    fonts = page.get("/Resources", {}).get_object().get("/Font", {}).get_object()
    found = {}
    for name, reference in fonts.items():
        font = reference.get_object()
        if font.get("/Subtype") != "/Type0":
            widths, at = font.get("/Widths", []), ord(_SPACE) - int(_number(font.get("/FirstChar")))
            listed = widths.get_object() if widths else []
            found[name] = _number(listed[at].get_object()) if 0 <= at < len(listed) else 0.0
    return found


class _Texts:
    """The state of texts while a page is read: font, size and spacing."""

    def __init__(self, generic: Any, spaces: Mapping[str, float]) -> None:
        self._generic = generic
        self._spaces = spaces
        self._font, self._size, self._word, self._character = "", 0.0, 0.0, 0.0
        self._saved: list[tuple[str, float, float, float]] = []

    def written(self, operands: Any, operator: bytes) -> list[tuple[Any, bytes]]:
        """An operator as those that take its place."""
        if operator in _SHOWS:
            return self._shown(operands, operator)
        if operator == b"q":
            self._saved.append((self._font, self._size, self._word, self._character))
        elif operator == b"Q" and self._saved:
            self._font, self._size, self._word, self._character = self._saved.pop()
        elif operator == b"Tf" and len(operands) == 2:
            self._font, self._size = str(operands[0]), _number(operands[1])
        elif operator == b"Tw" and operands:
            self._word = _number(operands[0])
        elif operator == b"Tc" and operands:
            self._character = _number(operands[0])
        return [(operands, operator)]

    def _shown(self, operands: Any, operator: bytes) -> list[tuple[Any, bytes]]:
        at = _SHOWS[operator]
        if len(operands) <= at:
            return [(operands, operator)]
        if operator == b'"':
            self._word, self._character = _number(operands[0]), _number(operands[1])
        parts = operands[0] if operator == b"TJ" else [operands[at]]
        if not isinstance(parts, list):
            return [(operands, operator)]
        array = self._generic.ArrayObject()
        for part in parts:
            array.extend(self._gaps(part) if isinstance(part, bytes) else [part])
        before: list[tuple[Any, bytes]] = [([self._character], b"Tc")] if operator == b'"' else []
        before += [_NEXT_LINE] if operator in (b"'", b'"') else []
        return [*before, ([array], b"TJ")]

    def _gaps(self, text: bytes) -> list[Any]:
        """A text cut at its spaces, with the gap that widens each; one that is squeezed to nothing is none.

        Between two characters alone, their spacing (Tc) may be a space, as Ghostscript writes it. pypdf
        counts Tc, but sees no gap there: it is given one, and moved back.
        """
        if not self._size or self._font not in self._spaces:
            return [text]
        number, width = self._generic.FloatObject, self._spaces[self._font]
        character, word = 1000 * self._character / self._size, 1000 * self._word / self._size
        if len(text) == 2 and _SPACE not in text and character > 0:
            return [text[:1], number(-character), number(character), text[1:]]
        if not word:
            return [text]
        left = width + character + word
        is_space = not width or left >= LEAST_SPACE * width
        *before, last = text.split(_SPACE)
        space, gap = (_SPACE, number(-word)) if is_space else (b"", number(-left))
        found = [one for part in before for one in (part + space, gap)]
        return [*found, last] if last else found


def _number(operand: Any) -> float:
    return float(operand) if isinstance(operand, int | float) else 0.0
