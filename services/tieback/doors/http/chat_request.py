"""The body of ``POST /v1/chat/completions``, and what it asks of the platform."""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field
from tieback_client import AnswerStyle, Grounding, InvalidArgument, Repair, SamplingParameters
from tieback_contract.field_path import at

from tieback.doors.http.chat_messages import Conversation, read_messages
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
