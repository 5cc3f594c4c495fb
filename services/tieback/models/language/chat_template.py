"""Messages to a prompt, by the template that a chat model was trained with.

Templates are programs that come with the weights, so they run in a sandbox. What users and documents say is
never part of the rendered text: the template renders placeholders, and contents take their place as plain
tokens. So a document that holds "<|im_end|>" cannot end its message.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tieback.core.errors import InvalidInput, StartupError

PLACEHOLDER = "\x02{}\x03"
PLACEHOLDERS = re.compile("\x02(\\d+)\x03")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation. `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt: the template's own, in which control tokens count, or a message's content."""

    text: str
    is_template: bool


class ChatTemplate:
    """A Jinja template as chat models come with. StartupError where it is none."""

    def __init__(self, source: str) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        environment.globals["raise_exception"] = _refuse
        try:
            self._template = environment.from_string(source)
            self.pieces([Message("user", "")])
        except (TemplateError, InvalidInput) as error:
            raise StartupError(f"the model's chat template cannot be used: {error}") from error

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """The prompt that asks for the next message of the assistant.

        InvalidInput where the template refuses the conversation, as some do where roles do not alternate.
        """
        shown = [{"role": m.role, "content": PLACEHOLDER.format(n)} for n, m in enumerate(messages)]
        try:
            rendered = self._template.render(messages=shown, add_generation_prompt=True)
        except TemplateError as error:
            raise InvalidInput(
                f"the model's chat template refuses the conversation: {error}", field="history"
            ) from None
        return list(_filled(rendered, messages))


def _filled(rendered: str, messages: Sequence[Message]) -> Iterator[Piece]:
    end = 0
    for place in PLACEHOLDERS.finditer(rendered):
        before = rendered[end : place.start()]
        own = before.rstrip(" ")  # a space belongs to the word behind it, for most tokenizers
        yield Piece(own, is_template=True)
        yield Piece(before[len(own) :] + messages[int(place[1])].content.strip(), is_template=False)
        end = place.end()
    yield Piece(rendered[end:], is_template=True)


def _refuse(message: str) -> NoReturn:
    raise TemplateError(message)
