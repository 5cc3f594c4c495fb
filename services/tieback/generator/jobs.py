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
from tieback.generator.prompt_lookup import PromptLookup
from tieback.generator.writing import AnswerWriter, Piece
from tieback.generator.writing_ahead import Written
from tieback.grounding import ClaimFinder
from tieback.methods.decoding import PromptForm
from tieback.models.decoder import SoftTokens


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
