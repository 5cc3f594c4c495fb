"""The messages of a chat: what is asked in general, what was said before, and the question."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tieback_client import ChatMessage, ChatRole, Image, InvalidArgument
from tieback_contract.field_path import FieldPath, at

SYSTEM = ("system", "developer")
FIELDS = {"role", "content", "name", "refusal"}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation; `places` are those of the history's messages in the request."""

    words: str
    photos: list[Image]
    system: str
    history: list[ChatMessage]
    places: list[int]

    def located(self, error: InvalidArgument) -> InvalidArgument:
        """The platform's error, about the message of the request that it is about."""
        for number, place in enumerate(self.places):
            own, here = at("history", number), at("messages", place)
            error = error.moved(own["text"], here["content"]).moved(own, here)
        return error.moved(at("history"), at("messages"))


def read_messages(messages: Sequence[Mapping[str, Any]], *, ignores_earlier: bool) -> Conversation:
    """The conversation. InvalidArgument with the place of what is wrong.

    Of earlier messages the words count: their photos are not looked at again.
    """
    if not messages:
        raise InvalidArgument.at("messages", "there is no question")
    last = len(messages) - 1
    if messages[last].get("role") != ChatRole.USER:
        raise InvalidArgument.at(at("messages", last, "role"), 'the last message is of the role "user"')
    system: list[str] = []
    history: list[ChatMessage] = []
    places: list[int] = []
    for place in range(last if ignores_earlier else 0, last + 1):
        message = messages[place]
        role, field = message.get("role"), at("messages", place)
        extra = sorted(set(message) - FIELDS)
        if extra:
            raise InvalidArgument.at(field[extra[0]], "there is no such field")
        words, photos = _content(message.get("content"), field["content"])
        if role in SYSTEM and not history:
            system.append(words)
        elif role in tuple(ChatRole):
            history.append(ChatMessage(ChatRole(role), words))
            places.append(place)
        else:
            told = "system messages come first; the others are of the roles user and assistant"
            raise InvalidArgument.at(field["role"], told, reason="UNSUPPORTED")
    question = history.pop()
    return Conversation(question.text, photos, "\n\n".join(system), history, places[:-1])


def _content(given: object, field: FieldPath) -> tuple[str, list[Image]]:
    if isinstance(given, str):
        return given, []
    if not isinstance(given, list) or not given:
        raise InvalidArgument.at(field, "a content is a text, or a list of parts")
    words, photos = [], []
    for place, part in enumerate(given):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            words.append(part["text"])
        elif kind == "image_url" and isinstance(part.get("image_url"), dict):
            photos.append(_photo(part["image_url"].get("url"), field[place]["image_url"]["url"]))
        else:
            raise InvalidArgument.at(
                field[place],
                "a part is a text or an image_url; sounds are searched over gRPC",
                reason="UNSUPPORTED",
            )
    return "\n".join(words), photos


def _photo(url: object, field: FieldPath) -> Image:
    head, comma, data = url.partition(",") if isinstance(url, str) else ("", "", "")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        raise InvalidArgument.at(
            field,
            "a photo comes within the request, as data:image/…;base64,…: this server fetches nothing",
            reason="UNSUPPORTED",
        )
    try:
        return Image(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidArgument.at(field, "it is not base64") from None
