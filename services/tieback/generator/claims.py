"""Cuts an answer into claims while it is written."""

from __future__ import annotations

import itertools

from tieback.core.types import Claim
from tieback.generator.sentences import ends, sentences, trimmed


class ClaimFinder:
    """Takes an answer's text piece by piece and gives each sentence as soon as it is over.

    Spans are bytes of the answer's UTF-8 text so far; ids count from 1.
    """

    def __init__(self) -> None:
        self._text = ""
        self._begin = 0
        self._found = 0

    def add(self, text: str) -> list[Claim]:
        """The claims that this text completes."""
        self._text += text
        return self._claims([self._begin, *ends(self._text, self._begin)])

    def end(self) -> list[Claim]:
        """What is left, complete or not."""
        offset = self._begin
        rest = sentences(self._text[offset:])
        return self._claims([offset, *(offset + end for _, end in rest)])

    def _claims(self, cuts: list[int]) -> list[Claim]:
        claims = []
        for begin, end in itertools.pairwise(cuts):
            span = trimmed(self._text, begin, end)
            if span is None:
                continue
            self._found += 1
            first = len(self._text[: span[0]].encode())
            text = self._text[span[0] : span[1]]
            claims.append(Claim(self._found, (first, first + len(text.encode())), text))
        self._begin = cuts[-1]
        return claims
