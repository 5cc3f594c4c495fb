"""Ends an answer before any of the texts that the caller named."""

from __future__ import annotations

from collections.abc import Sequence


class StopTexts:
    """Lets text through, except what may yet become a stop text. `reached` once one is there.

    Each character costs the same for each stop text, whatever both say (Knuth, Morris, Pratt, 1977). Of stop
    texts that end at the same character the longest counts.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.reached = False
        self._stops = [_StopText(text) for text in texts]
        self._held = ""

    def add(self, text: str) -> str:
        """The text that is certain to stand before any stop text."""
        held = self._held + text
        for number, character in enumerate(text, start=len(self._held) + 1):
            ended = [len(stop.text) for stop in self._stops if stop.ends_with(character)]
            if ended:
                self.reached = True
                self._held = held[number - max(ended) :]
                return held[: number - max(ended)]
        begun = max((stop.matched for stop in self._stops), default=0)
        certain = len(held) - begun
        self._held = held[certain:]
        return held[:certain]

    def end(self) -> str:
        """What was held back and did not become a stop text."""
        rest, self._held = self._held, ""
        return "" if self.reached else rest


class _StopText:
    """How much of one stop text the text so far ends with."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.matched = 0
        self._shorter = [0] * (
            len(text) + 1
        )  # by matched characters: the next shorter beginning they end with
        for length in range(1, len(text)):
            self._shorter[length + 1] = self._extended(self._shorter[length], text[length])

    def ends_with(self, character: str) -> bool:
        """Takes the next character; whether the stop text is whole."""
        if self.matched == len(self.text):
            self.matched = self._shorter[self.matched]
        self.matched = self._extended(self.matched, character)
        return self.matched == len(self.text)

    def _extended(self, matched: int, character: str) -> int:
        while matched and self.text[matched] != character:
            matched = self._shorter[matched]
        return matched + (self.text[matched] == character)
