"""The prompt of the language model.

Measured on SmolLM2-135M with greedy decoding, 21 questions over four passages, by the checker's verdicts:
two examples and the two best sentences give 16 supported claims of 22; with the three best 13 of 25; one
example and the three best 19 of 29, in longer answers; no example 14 of 22, many of them fragments ("60%").
With whole passages the model mostly answers from the last one, whatever was asked. So: a short instruction,
two examples, an excerpt. Now and then an example's words appear in an answer; the check finds them
unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tieback_contract.generation import ChatMessage, ChatRole

from tieback.catalog.card import GeneratorCard
from tieback.core.types.generation import Conversation
from tieback.methods.decoding import Example, PromptRequest
from tieback.models.language.chat_template import Message

EXCERPT_SENTENCES = 2

ASKED = "Question"
"""The marker before the question; it is changed where a passage contains it."""

MARKER = re.compile(rf"\b({ASKED}|Answer) ?[:：]", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

GROUNDED = "Answer the question from the text, in one full sentence with the words of the text."
HELPFUL = "You are a helpful assistant."

EXAMPLES = (
    Example(
        "The library opens at 9 in the morning and closes at 6. On Sundays it is closed.",
        "When does the library open?",
        "The library opens at 9 in the morning.",
        "The library opens at noon on Sundays.",
    ),
    Example(
        "The bridge was built in 1884 by the engineer Maria Weber. It is 240 metres long.",
        "Who built the bridge?",
        "The bridge was built by the engineer Maria Weber.",
        "The bridge was built by the king of Spain.",
    ),
)


def plain_request(
    question: str, excerpt: Sequence[str], *, system: str = "", grounded: str = "", seed: int = 0
) -> PromptRequest:
    """The plain request: with the excerpt, or the question alone.

    `system` is the instruction where there is no excerpt, `grounded` where there is one, in place of ours and
    of its examples. `seed` is what forms of the prompt draw by.
    """
    if not excerpt:
        return PromptRequest(system or HELPFUL, question, seed=seed)
    return PromptRequest(grounded or GROUNDED, question, tuple(excerpt), () if grounded else EXAMPLES, seed)


def asked_of(
    card: GeneratorCard, conversation: Conversation, question: str, excerpt: Sequence[str], seed: int = 0
) -> PromptRequest:
    """The plain request of a model with its card's instructions, and with the caller's own.

    The caller's instruction is added to that for evidence, and takes the place of the other.
    """
    asked = plain_request(
        question,
        excerpt,
        system=conversation.system or card.options.system_prompt,
        grounded=card.grounded_prompt,
        seed=seed,
    )
    if excerpt and conversation.system:
        return replace(asked, instruction=f"{asked.instruction}\n\n{conversation.system}")
    return asked


def messages(asked: PromptRequest, history: Sequence[ChatMessage] = ()) -> list[Message]:
    """The conversation that asks it, after earlier messages. A question that follows no example stands for
    itself.
    """
    if not asked.examples and not asked.excerpt:
        earlier = [Message(turn.role.value, turn.text) for turn in history]
        return [Message("system", asked.instruction), *earlier, Message("user", asked.question)]
    shown = [Message("system", asked.instruction)]
    for example in asked.examples:
        text = example.text if asked.excerpt else ""
        shown += [Message("user", asking(example.question, text)), Message("assistant", example.answer)]
    return [*shown, Message("user", asking(asked.question, "\n".join(map(quoted, asked.excerpt))))]


def shortened(history: Sequence[ChatMessage]) -> Iterator[Sequence[ChatMessage]]:
    """The history, then without its oldest messages, beginning with a question each time; at last none."""
    yield history
    yield from (history[place:] for place in range(1, len(history)) if history[place].role is ChatRole.USER)
    yield ()


def quoted(passage: str) -> str:
    """A passage as it stands in a prompt: one line in which nothing reads as the prompt's own question.

    White space, of which no line or paragraph can be made, becomes single spaces, and control characters are
    left out; a passage cannot ask, since "Question:" is written without its colon.
    """
    words = (CONTROL.sub("", word) for word in passage.split())
    return MARKER.sub(r"\1 –", " ".join(word for word in words if word))


def asking(question: str, text: str = "") -> str:
    """A question as it stands in a prompt, behind its text."""
    return f"{text}\n\n{ASKED}: {question}" if text else f"{ASKED}: {question}"
