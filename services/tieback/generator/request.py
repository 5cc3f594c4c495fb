"""What was asked of the generator, checked and configured."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tieback_contract.answers import AnswerStyle, Twin
from tieback_contract.arrays import Array
from tieback_contract.generation import Evidence, Grounding

from tieback.core.deadline import Deadline
from tieback.generator.deciding import Decide
from tieback.generator.evidence.answerability import Judge
from tieback.generator.writing.slots import Written
from tieback.grounding import ConfiguredChecker

Excerpt = Callable[[int], Sequence[str]]
"""At most so many sentences of the evidence, the most relevant last."""

Vectors = Callable[[int], Array]
"""The vectors `[sentences, width]` of the excerpt's sentences."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of an answer, as `Finish` has them, `soft` ones among the prompt's; seconds that it waited and
    was computed; the transforms that its strategy drew for the evidence.
    """

    prompt: int = 0
    completion: int = 0
    changed: int | None = 0
    drafted: int = 0
    accepted: int = 0
    reused: int = 0
    queued: float = 0.0
    computed: float = 0.0
    transforms: Sequence[str] = ()
    soft: int = 0


class Work(Protocol):
    """The writing of one answer."""

    async def prepare(self, excerpt: Excerpt, vectors: Vectors | None = None, /) -> Any:
        """The prompt for an excerpt, which a soft prompt reads by its `vectors` where there are.

        InvalidInput where the question alone is too long.
        """
        ...

    def written(self, prompt: Any) -> AsyncGenerator[Written, None]:
        """What is written after a prompt that was prepared, as it comes; leaving ends it."""
        ...

    def twin(self, prompt: Any) -> Coroutine[None, None, Twin] | None:
        """The answer without the decoding strategy, where it was asked for."""
        ...

    @property
    def counts(self) -> Counts:
        """Of all that was written so far."""
        ...


class Writing(Protocol):
    """What writes answers, and how."""

    @property
    def name(self) -> str:
        """The model's."""
        ...

    def begin(self, question: str, deadline: Deadline) -> Work:
        """The writing of an answer to a question."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, checked and configured; a quote has no `writing`.

    Of the passages for a quote so many `first_sentences` are encoded at first; of others all are, with 0.
    """

    prompt: str
    evidence: Sequence[Evidence]
    writing: Writing | None
    grounding: Grounding
    checker: ConfiguredChecker
    style: AnswerStyle
    judge: Judge
    decide: Decide | None = None
    first_sentences: int = 0

    @property
    def needs_evidence(self) -> bool:
        """Without evidence nothing can be quoted, and an answer is not grounded, which is refused only where
        a threshold was named.
        """
        is_quote = self.style is AnswerStyle.QUOTE
        return not self.evidence and (is_quote or bool(self.grounding.abstain_below))
