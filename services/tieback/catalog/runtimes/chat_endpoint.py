"""A language model that another server runs, asked by the chat completions of OpenAI's API (vLLM)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tieback.catalog.base_card import HttpEndpoint
from tieback.catalog.runtimes import Runtime


class ChatEndpoint(HttpEndpoint):
    """A language model that another server runs, asked by the chat completions of OpenAI's API (vLLM).

    `model` is its name there, `base_url` ends before `/chat/completions`. `dialect` openai leaves out what
    only vLLM knows.
    """

    computation = "chat completions 1"
    graph: ClassVar[str] = ""

    runtime: Literal["chat_endpoint"] = "chat_endpoint"
    model: Annotated[str, Field(min_length=1, max_length=200)]
    dialect: Literal["vllm", "openai"] = "vllm"
    system_prompt: str = ""
    log_probabilities: Annotated[int, Field(ge=0, le=20)] = 20
    """Alternatives of a token that it gives at most."""


RUNTIME = Runtime("generator", ChatEndpoint)
