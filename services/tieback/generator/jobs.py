"""What the engine has to do for one answer, and how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tieback.core.deadline import Deadline
from tieback.core.tenant import TENANT
from tieback.core.types.arrays import Array
from tieback.generator.prompt_lookup import PromptLookup
from tieback.generator.writing import AnswerWriter, Piece
from tieback.generator.writing_ahead import Written
from tieback.grounding import ClaimFinder
from tieback.methods.decoding import PromptForm


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
    reused: int = 0
    left: bool = False
    unread: dict[PromptForm, Array] = field(default_factory=dict)
    logits: dict[PromptForm, Array] = field(default_factory=dict)
    deliver: Callable[[Written | BaseException], None] = lambda _: None
    finish: Callable[[Piece], Written] = lambda piece: Written(piece.text, [], piece.reason, piece.scores)

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
) -> Job:
    """An answer of the running task's tenant; its claims are found as it is written."""
    claims = ClaimFinder()

    def finish(piece: Piece) -> Written:
        found = claims.add(piece.text)
        whole = found if piece.reason is None else found + claims.end()
        return Written(piece.text, whole, piece.reason, piece.scores, claims.pending)

    prompt, *others = prompts.values()
    lookup = PromptLookup(prompt) if drafts and not others else None
    return Job(writer, prompts, layers, room, deadline, lookup, TENANT.get(), finish=finish)
