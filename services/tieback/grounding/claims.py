"""Cuts an answer into claims while it is written."""

from __future__ import annotations

import itertools

from tieback_contract.claims import Claim

from tieback.core.sentences import decided_until, ends, may_end, sentences, trimmed


class ClaimFinder:
    """Takes an answer's text piece by piece and gives each sentence as soon as it is over.

    Spans are bytes of the answer's UTF-8 text so far; ids count from 1. Only the sentence that is not over is
    kept, which has a greatest length, and only its end is looked at again: a piece costs the same however
    long the answer is.
    """

    def __init__(self) -> None:
        self._rest = ""
        self._decided = 0
        self._bytes_before = 0
        self._found = 0

    def add(self, text: str) -> list[Claim]:
        """The claims that this text completes."""
        self._rest += text
        return self._claims([0, *ends(self._rest, self._decided)])

    @property
    def pending(self) -> str:
        """The statement that is over if what follows does not go on with it; empty where none may be.

        "It is 3." may go on with "5", so a stop alone ends nothing.
        """
        text = self._rest.rstrip()
        return text if may_end(text) else ""

    def end(self) -> list[Claim]:
        """What is left, complete or not."""
        return self._claims([0, *(end for _, end in sentences(self._rest))])

    def _claims(self, cuts: list[int]) -> list[Claim]:
        claims = []
        for begin, end in itertools.pairwise(cuts):
            span = trimmed(self._rest, begin, end)
            if span is not None:
                self._found += 1
                text = self._rest[span[0] : span[1]]
                first = self._bytes_before + len(self._rest[begin : span[0]].encode())
                claims.append(Claim(self._found, (first, first + len(text.encode())), text))
            self._bytes_before += len(self._rest[begin:end].encode())
        rest = self._rest[cuts[-1] :]
        self._rest = rest.lstrip()
        self._bytes_before += len(rest[: len(rest) - len(self._rest)].encode())
        self._decided = decided_until(self._rest)
        return claims
