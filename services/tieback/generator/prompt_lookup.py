"""Drafts of an answer's next tokens, copied from the prompt or the answer (prompt lookup decoding).

An answer that rests on evidence repeats much of it. Where the last tokens stand in the prompt or the answer
before, those that followed them there are the draft, and one run of the model checks all of them: a drafted
token is kept if it is the one that would have been chosen anyway. So the answer is the same, with any
strategy and any sampling. (Saxena, 2023, https://github.com/apoorvumang/prompt-lookup-decoding; LLMA, Yang et
al., 2023, arXiv:2304.04487.)
"""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_MATCH, SHORTEST_MATCH = 3, 2
"""Tokens that must stand there before: a single one occurs too often by chance."""

MOST_DRAFTED = 15

FIRST_COST, NEXT_COST = 1.25, 0.12
"""What a run costs that checks a draft, in runs of one token: the first, and for each drafted token.

Of SmolLM2-135M in 8 bits with one thread: 9.8 ms for one token, 13.5 for 2, 15.4 for 5, 20.7 for 8, 29.5 for
16."""

EXPECTED = 0.6
"""The share of drafted tokens that are right, before any were checked."""

LEARNING, FORGETTING = 0.15, 0.03
"""How far one checked token moves the estimate, and one step without a draft moves it back: an answer that
does not copy now may later."""


class PromptLookup:
    """Drafts for one answer. Counts what was `drafted` and of that `accepted`."""

    def __init__(self, prompt: Sequence[int]) -> None:
        self.drafted = 0
        self.accepted = 0
        self._tokens: list[int] = []
        self._ends: dict[tuple[int, ...], int] = {}
        self._rate = EXPECTED
        for token in prompt:
            self.add(token)

    def add(self, token: int) -> None:
        """Goes on by a token of the prompt or the answer."""
        # The run of tokens that ends just before is now followed by something: it can be drafted from.
        for length in range(SHORTEST_MATCH, LONGEST_MATCH + 1):
            if len(self._tokens) >= length:
                self._ends[tuple(self._tokens[-length:])] = len(self._tokens)
        self._tokens.append(token)

    def draft(self, most: int) -> list[int]:
        """The tokens that may come next, at most `most`; none where checking them is not worth its cost."""
        count = min(self._worthwhile(), most)
        if count > 0:
            for length in range(LONGEST_MATCH, SHORTEST_MATCH - 1, -1):
                found = self._ends.get(tuple(self._tokens[-length:]))
                if found is not None:
                    return self._tokens[found : found + count]
        self._rate += FORGETTING * (EXPECTED - self._rate)
        return []

    def learn(self, drafted: int, accepted: int) -> None:
        """Takes in how many of a draft were right. The first wrong one ends what is known of it."""
        self.drafted += drafted
        self.accepted += accepted
        for right in [1.0] * accepted + [0.0] * (accepted < drafted):
            self._rate += LEARNING * (right - self._rate)

    def _worthwhile(self) -> int:
        """The length of a draft for which a run writes the most tokens in its time."""
        best, length, expected, chance = 1.0, 0, 1.0, 1.0
        for count in range(1, MOST_DRAFTED + 1):
            chance *= self._rate
            expected += chance
            speed = expected / (FIRST_COST + NEXT_COST * count)
            if speed > best:
                best, length = speed, count
        return length
