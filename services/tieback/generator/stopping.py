"""Ends an answer before any of the texts that the caller named."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Lets text through, except what may yet become a stop text. `reached` once one is there."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.reached = False
        self._texts = texts
        self._held = ""

    def add(self, text: str) -> str:
        """The text that is certain to stand before any stop text."""
        self._held += text
        places = [place for stop in self._texts if (place := self._held.find(stop)) >= 0]
        if places:
            self.reached = True
            return self._release(min(places))
        return self._release(len(self._held) - self._beginning())

    def end(self) -> str:
        """What was held back and did not become a stop text."""
        return "" if self.reached else self._release(len(self._held))

    def _beginning(self) -> int:
        """Characters at the end that are the beginning of a stop text; the most of them."""
        return max(
            (
                length
                for stop in self._texts
                for length in range(1, len(stop))
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )

    def _release(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        return text
