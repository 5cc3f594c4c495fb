"""The body of ``POST /v1/chat/completions``, and what it asks of the platform."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field
from tieback_client import (
    AnswerStyle,
    ChatMessage,
    ChatRole,
    Grounding,
    Image,
    InvalidArgument,
    Repair,
    SamplingParameters,
)
from tieback_contract.field_path import FieldPath, at

from tieback.doors.http.models import COLLECTION
from tieback.doors.http.query_options import OptionsObject
from tieback.doors.http.reading import Missing, Payload

_TOOLS = "ask the model for JSON by response_format, or let an agent call this server's tools over MCP"
_PENALTY = "the platform's repetition_penalty is part of Generate, over gRPC"
MISSING = {
    "n": Missing("send the request several times, with other seeds", (1,)),
    "tools": Missing(_TOOLS, ([],)),
    "tool_choice": Missing(_TOOLS, ("none", "auto")),
    "parallel_tool_calls": Missing(_TOOLS, (True, False)),
    "functions": Missing(_TOOLS, ([],)),
    "function_call": Missing(_TOOLS, ("none", "auto")),
    "frequency_penalty": Missing(_PENALTY, (0,)),
    "presence_penalty": Missing(_PENALTY, (0,)),
    "logit_bias": Missing("hold the answer to a form by response_format", ({},)),
    "modalities": Missing("answers are text", (["text"],)),
    "audio": Missing("answers are text"),
    "prediction": Missing("what is in the prompt is drafted from by itself"),
    "store": Missing("nothing is stored", (False,)),
    "metadata": Missing("nothing is stored", ({},)),
    "service_tier": Missing("all requests of a tenant count alike", ("auto", "default")),
    "reasoning_effort": Missing("the models served here do not reason first", ("none",)),
    "verbosity": Missing("set max_completion_tokens"),
    "web_search_options": Missing("name a collection to search"),
}


class StreamOptions(Payload):
    """What a stream has beside the text."""

    include_usage: bool = False
    include_obfuscation: bool = False


class Schema(Payload):
    """The form of an answer."""

    name: str = ""
    description: str = ""
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class ResponseFormat(Payload):
    """What an answer is written in."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: Schema | None = None


class Extension(Payload):
    """What this server has beside OpenAI's fields: the object ``tieback``."""

    collection: str = ""
    filter: str = ""
    style: Literal["auto", "quote", "write"] = "auto"
    evidence: int = Field(0, ge=0, le=1000)
    repair: Literal["none", "drop", "rewrite"] = "none"
    earlier_messages: Literal["read", "ignore"] = "read"
    options: OptionsObject = Field(default_factory=OptionsObject)


class Completion(Payload):
    """The body."""

    model: str
    messages: list[dict[str, Any]]
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, gt=0, le=1 << 31)
    max_completion_tokens: int | None = Field(None, gt=0, le=1 << 31)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=1 << 63)
    stop: Any = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    response_format: ResponseFormat | None = None
    user: str | None = None  # who asks is known by the token; nothing is kept of these three
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    tieback: Extension = Field(default_factory=Extension)

    @property
    def collection(self) -> str:
        """The collection to answer from; empty: the model alone."""
        named = self.model.removeprefix(COLLECTION) if self.model.startswith(COLLECTION) else ""
        if named and self.tieback.collection and named != self.tieback.collection:
            raise InvalidArgument.at("tieback.collection", "the model names another collection; name one")
        return named or self.tieback.collection

    @property
    def writer(self) -> str:
        """The model that writes; empty: the server's."""
        return "" if self.model.startswith(COLLECTION) else self.model

    @property
    def style(self) -> AnswerStyle:
        """How the answer is made."""
        return AnswerStyle(self.tieback.style)

    @property
    def grounding(self) -> Grounding | None:
        """How it is held to the evidence."""
        repair = Repair(self.tieback.repair)
        return None if repair is Repair.NONE else Grounding(repair=repair)

    def conversation(self) -> Conversation:
        """The question, which is the last message, and what was said before it, unless that is ignored."""
        return read_messages(self.messages, ignores_earlier=self.tieback.earlier_messages == "ignore")

    def sampling(self) -> SamplingParameters | None:
        """How tokens are chosen; None where nothing is said, so that the answer may be quoted."""
        most = self.max_completion_tokens or self.max_tokens
        stop = _stop(self.stop)
        scores = (self.top_logprobs or 0) if self.logprobs else None
        if self.top_logprobs and not self.logprobs:
            raise InvalidArgument.at("top_logprobs", "it needs logprobs: true")
        schema = self._schema()
        said = (most, self.temperature, self.top_p, self.seed, scores, schema)
        if not stop and all(one is None for one in said):
            return None
        return SamplingParameters(
            max_tokens=most or 0,
            temperature=self.temperature or 0.0,
            top_p=0.0 if self.top_p in (None, 1) else self.top_p or 0.0,
            seed=self.seed,
            stop=stop,
            log_probabilities=scores,
            json_schema=schema,
        )

    def _schema(self) -> str | None:
        form = self.response_format
        if form is None or form.type == "text":
            return None
        if form.type == "json_object":
            return '{"type": "object"}'
        if form.json_schema is None:
            raise InvalidArgument.at("response_format.json_schema", "it is missing")
        return json.dumps(form.json_schema.schema_)


def _stop(given: object) -> list[str]:
    if given is None:
        return []
    listed: list[Any] = given if isinstance(given, list) else [given]
    for place, one in enumerate(listed):
        if not isinstance(one, str):
            raise InvalidArgument.at(at("stop", place), "a stop is a text")
    return listed


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
