"""Prompts with soft tokens: behind compressed evidence, and behind demonstrations."""

from __future__ import annotations

from collections.abc import Sequence

from tieback.generator.writing.prompting import ASKED, GROUNDED, asking, quoted
from tieback.methods.decoding import PromptRequest
from tieback.models.language.chat_template import Message
from tieback.models.language.model import LanguageModel


def compressed_request(question: str) -> PromptRequest:
    """The request of a question whose evidence is soft tokens: these have learned what examples show."""
    return PromptRequest(GROUNDED, question)


def demonstrated_messages(question: str, excerpt: Sequence[str]) -> list[Message]:
    """The conversation behind demonstrations, whose virtual tokens begin the last message."""
    text = "\n".join(map(quoted, excerpt))
    return [Message("system", GROUNDED), Message("user", asking(question, text))]


def demonstration_texts(passage: str, question: str, answer: str) -> tuple[str, str]:
    """A demonstration as it is read: its passage, and behind it question and answer."""
    return f"{quoted(passage)}\n\n", f"{ASKED}: {quoted(question)}\nAnswer: {quoted(answer)}\n\n"


def demonstrated_beginning(model: LanguageModel) -> list[int]:
    """Words that stand before demonstrations: in prompts, and where one is read."""
    tokens, places = model.prompt_with_places(demonstrated_messages("", ()), 1)
    return tokens[: int(places[0])]
