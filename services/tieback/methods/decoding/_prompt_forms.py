"""Prompt forms: how the prompt of a stream differs from the plain prompt.

A form is a function of a module that makes a request of the plain request. These are the common ones; a
strategy may define others in its own file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

FROM_MEMORY = "Answer the question in one full sentence."
FALSELY = "Answer falsely: whatever you say must be wrong."
TRUTHFULLY = "Answer truthfully: say only what is known to be true, and do not repeat common misbeliefs."


@dataclass(frozen=True, slots=True)
class Example:
    """A question that is answered before the real one: a text, a question, its answer, and a false answer."""

    text: str
    question: str
    answer: str
    false_answer: str


@dataclass(frozen=True, slots=True)
class PromptRequest:
    """What a model is asked: the system's instruction, examples, sentences of the evidence, the question.

    Without an excerpt, the texts of the examples are not shown. A form that draws does so by `seed`, so that
    it makes the same of the same request.
    """

    instruction: str
    question: str
    excerpt: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    seed: int = 0


PromptForm = Callable[[PromptRequest], PromptRequest]
"""Makes a request of the plain request. Streams of equal forms share a prompt and its cache."""


def with_evidence(asked: PromptRequest) -> PromptRequest:
    """The plain request: the question with the passages before it."""
    return asked


def without_evidence(asked: PromptRequest) -> PromptRequest:
    """The question alone, in the same form. Without evidence it is the plain request."""
    return replace(asked, instruction=FROM_MEMORY, excerpt=()) if asked.excerpt else asked


def amateur(asked: PromptRequest) -> PromptRequest:
    """Asks for a wrong answer, by the instruction and by the examples: an amateur that hallucinates."""
    examples = tuple(replace(one, answer=one.false_answer) for one in asked.examples)
    return replace(asked, instruction=f"{asked.instruction} {FALSELY}", examples=examples)


def truthful(asked: PromptRequest) -> PromptRequest:
    """Asks for the truth by the instruction."""
    return replace(asked, instruction=f"{asked.instruction} {TRUTHFULLY}")
