"""What the engine has to do for one answer, and how far it is."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from tieback_contract.arrays import Array

from tieback.core.deadline import Deadline
from tieback.core.tenant import TENANT
from tieback.generator.writing import AnswerWriter, Piece
from tieback.generator.writing.slots import Written
from tieback.grounding import ClaimFinder
from tieback.methods.decoding import PromptForm
from tieback.models.language.decoder import SoftTokens

# Drafts of an answer's next tokens, copied from the prompt or the answer (prompt lookup decoding).
#
# An answer that rests on evidence repeats much of it. Where the last tokens stand in the prompt or the
# answer before, those that followed them there are the draft, and one run of the model checks all of them:
# a drafted token is kept if it is the one that would have been chosen anyway. So the answer is the same,
# with any strategy and any sampling. (Saxena, 2023, https://github.com/apoorvumang/prompt-lookup-decoding;
# LLMA, Yang et al., 2023, arXiv:2304.04487.)
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


@dataclass(slots=True, eq=False)
class Job:
    """An answer to be written. `reused` of its prompts' tokens were read before; times are in seconds."""

    writer: AnswerWriter
    prompts: Mapping[PromptForm, Sequence[int]]
    layers: Sequence[int]
    room: int
    deadline: Deadline
    lookup: PromptLookup | None = None
    tenant: str = ""
    arrived: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    busy: float = 0.0
    soft: SoftTokens | None = None
    """In its only prompt."""
    reused: int = 0
    left: bool = False
    unread: dict[PromptForm, Array] = field(default_factory=dict)
    logits: dict[PromptForm, Array] = field(default_factory=dict)
    deliver: Callable[[Written | BaseException], None] = lambda _: None
    finish: Callable[[Piece], Written] = lambda piece: Written(piece.text, [], piece.reason, piece.scores)

    @property
    def salt(self) -> bytes:
        """What a prompt must share, beside its tokens, for its keys and values to be used again."""
        if self.soft is None:
            return self.tenant.encode()
        rows = np.ascontiguousarray(self.soft.rows, np.float32).tobytes() + self.soft.places.tobytes()
        return self.tenant.encode() + hashlib.blake2b(rows, digest_size=16).digest()

    @property
    def tokens(self) -> int:
        """Places in the caches that it may need."""
        return sum(len(prompt) + self.room for prompt in self.prompts.values())


def new_job(
    writer: AnswerWriter,
    prompts: Mapping[PromptForm, Sequence[int]],
    layers: Sequence[int],
    *,
    room: int,
    deadline: Deadline,
    drafts: bool,
    soft: SoftTokens | None = None,
) -> Job:
    """An answer of the running task's tenant; its claims are found as it is written.

    `soft` are soft tokens in its only prompt.
    """
    claims = ClaimFinder()

    def finish(piece: Piece) -> Written:
        found = claims.add(piece.text)
        whole = found if piece.reason is None else found + claims.end()
        return Written(piece.text, whole, piece.reason, piece.scores, claims.pending)

    prompt, *others = prompts.values()
    lookup = PromptLookup(prompt) if drafts and not others else None
    return Job(writer, prompts, layers, room, deadline, lookup, TENANT.get(), soft=soft, finish=finish)
