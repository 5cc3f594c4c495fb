"""What the model is asked.

Measured on SmolLM2-135M with greedy decoding, 21 questions over four passages, by the checker's verdicts:
two examples and the two best sentences give 16 supported claims of 22; with the three best 13 of 25; one
example and the three best 19 of 29, in longer answers; no example 14 of 22, many of them fragments ("60%").
With whole passages the model mostly answers from the last one, whatever was asked. So: a short instruction,
two examples, an excerpt. Now and then an example's words appear in an answer; the check finds them
unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tieback.methods.decoding import WITH_EVIDENCE, WITHOUT_EVIDENCE
from tieback.models.chat_template import Message

EXCERPT_SENTENCES = 2

ASKED = "Question"
"""What stands before the question, and is written otherwise where a passage says it."""

MARKER = re.compile(rf"\b({ASKED}|Answer) ?[:：]", re.IGNORECASE)
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")

GROUNDED = "Answer the question from the text, in one full sentence with the words of the text."
RECALLED = "Answer the question in one full sentence."
HELPFUL = "You are a helpful assistant."

EXAMPLES = [
    (
        "The library opens at 9 in the morning and closes at 6. On Sundays it is closed.",
        "When does the library open?",
        "The library opens at 9 in the morning.",
    ),
    (
        "The bridge was built in 1884 by the engineer Maria Weber. It is 240 metres long.",
        "Who built the bridge?",
        "The bridge was built by the engineer Maria Weber.",
    ),
]


def prompts_for(
    question: str, excerpt: Sequence[str], streams: Sequence[str], *, system: str = ""
) -> dict[str, list[Message]]:
    """The messages of each stream that a strategy reads; without an excerpt all ask the question alone.

    `system` is the model's own instruction for a conversation, used where there is no excerpt.
    """
    alone = [Message("system", system or HELPFUL), Message("user", question)]
    asked = {
        WITH_EVIDENCE: grounded(question, excerpt) if excerpt else alone,
        WITHOUT_EVIDENCE: recalled(question) if excerpt else alone,
    }
    return {stream: asked[stream] for stream in streams}


def grounded(question: str, excerpt: Sequence[str]) -> list[Message]:
    """Asks for an answer from the excerpt."""
    messages = [Message("system", GROUNDED)]
    for text, asked, answered in EXAMPLES:
        messages += [Message("user", _asking(asked, text)), Message("assistant", answered)]
    return [*messages, Message("user", _asking(question, "\n".join(map(quoted, excerpt))))]


def quoted(passage: str) -> str:
    """A passage as it stands in a prompt: one line in which nothing reads as the prompt's own question.

    White space, of which no line or paragraph can be made, becomes single spaces, and control characters are
    left out; a passage cannot ask, since "Question:" is written without its colon.
    """
    words = (CONTROL.sub("", word) for word in passage.split())
    return MARKER.sub(r"\1 –", " ".join(word for word in words if word))


def recalled(question: str) -> list[Message]:
    """Asks for an answer in the same form from what the model knows."""
    messages = [Message("system", RECALLED)]
    for _, asked, answered in EXAMPLES:
        messages += [Message("user", _asking(asked)), Message("assistant", answered)]
    return [*messages, Message("user", _asking(question))]


def _asking(question: str, text: str = "") -> str:
    return f"{text}\n\n{ASKED}: {question}" if text else f"{ASKED}: {question}"
