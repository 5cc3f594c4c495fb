"""Tokens to text while they come: only whole characters, and the pieces add up to the whole text."""

from __future__ import annotations

from tokenizers import Tokenizer

UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""What a decoder shows for bytes that are no character, or not yet."""

LONGEST_WAIT = 4
"""Tokens after which bytes are no longer the beginning of a character: UTF-8 has at most four a character."""


class Detokenizer:
    """One text's tokens, one at a time. Control tokens have no text.

    A token's text can depend on the one before it (a leading space), so a piece is what a short run of tokens
    adds to the text of its beginning.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._shown: list[int] = []
        self._held: list[int] = []

    def add(self, token: int) -> str:
        """The text that is certain now; empty where the token ends within a character."""
        self._held.append(token)
        text = self._tokenizer.decode(self._shown + self._held)
        if text.endswith(UNFINISHED) and len(self._held) < LONGEST_WAIT:
            return ""
        return self._show(text)

    def end(self) -> str:
        """What was held back; an unfinished character is shown as one that is none."""
        if not self._held:
            return ""
        return self._show(self._tokenizer.decode(self._shown + self._held))

    def _show(self, text: str) -> str:
        known: str = self._tokenizer.decode(self._shown) if self._shown else ""
        self._shown, self._held = self._held, []
        return text[len(known) :]
