"""Options that encoders, rerankers and classifiers by endpoint share, whichever API they are asked by.

A file of `catalog/runtimes/` adds one API: where a request goes, what is in it, and how its answer is read.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import Field, model_validator
from tieback_contract.arrays import Array

from tieback.catalog.base_card import HttpEndpoint

Request = tuple[str, dict[str, Any]]
"""The path below `base_url`, and the JSON that is sent there."""


class TextEndpoint(HttpEndpoint):
    """A model of texts that another server runs.

    One request has at most `batch` texts, with `batch_tokens` and `batch_bytes` together, and `parallel`
    requests are under way at once. `extra` are further fields of every request. Tokens are counted by the
    `tokenizer` (a file tokenizer.json of the model); without one, `characters_per_token` of ASCII count as
    one token, and each other character.
    """

    connecting: ClassVar[frozenset[str]] = HttpEndpoint.connecting | {
        "batch", "batch_tokens", "batch_bytes", "parallel", "tokenizer", "characters_per_token",
    }  # fmt: skip
    alive: ClassVar[str] = "/health"
    """The path that says if the server is there: any status below 500 does, but that of a wrong token."""

    runtime: str
    model: Annotated[str, Field(max_length=200)] = ""
    extra: dict[str, Any] = Field(default_factory=dict)
    batch: Annotated[int, Field(ge=1, le=2048)] = 32
    batch_tokens: Annotated[int, Field(ge=1)] = 16_384
    batch_bytes: Annotated[int, Field(ge=1024)] = 1 << 20
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    tokenizer: Annotated[str, Field(max_length=1000)] = ""
    characters_per_token: Annotated[float, Field(ge=1, le=10)] = 3.0


class EncoderEndpoint(TextEndpoint):
    """An encoder of texts that another server runs.

    `model` is its name there. The space is named by that, by `version` and by what is put before texts
    (`prompts` and `prompt`, as of transformer_text): not by the address or the API. Say another `version`
    where the model is changed on purpose. `canary_seconds` is how old the last look at the canary may be.
    """

    computation = "endpoint 1"

    version: Annotated[str, Field(max_length=100)] = ""
    prompts: dict[str, Annotated[str, Field(max_length=1000)]] = Field(default_factory=dict)
    prompt: str = ""
    canary_seconds: Annotated[float, Field(ge=0, le=3600)] = 10.0

    @model_validator(mode="after")
    def _names_its_prompt(self) -> EncoderEndpoint:
        if self.prompt and self.prompt not in self.prompts:
            raise ValueError(f"prompt names one of prompts, which are: {', '.join(self.prompts) or 'none'}")
        return self

    @property
    def origin(self) -> str:
        """The model there, and its version."""
        return f"{self.computation} {self.model} {self.version}"

    @property
    def prefix(self) -> str:
        """The text that is put before every other."""
        return self.prompts[self.prompt] if self.prompt else ""

    def request(self, texts: Sequence[str], *, cuts: bool) -> Request:
        """Asks for the vectors of texts; where it `cuts`, those that are too long are cut there."""
        raise NotImplementedError

    def vectors(self, answer: Any) -> Sequence[Any]:
        """The vector of each text, in order, of an answer. Any error of Python's for what is no answer."""
        raise NotImplementedError


class RerankerEndpoint(TextEndpoint):
    """A reranker that another server runs: a query and passages in, a score for each out."""

    computation = "rerank endpoint 1"

    @property
    def origin(self) -> str:
        """The model there."""
        return f"{self.computation} {self.model}"

    def request(self, query: str, passages: Sequence[str]) -> Request:
        """Asks for the scores of passages."""
        raise NotImplementedError

    def scores(self, answer: Any) -> Mapping[int, float]:
        """The scores by the places of passages. Any error of Python's for what is no answer."""
        raise NotImplementedError


class ClassifierEndpoint(TextEndpoint):
    """A classifier that another server runs: texts or pairs of them in, the scores of labels out."""

    computation = "classifier endpoint 1"
    gives_logits: ClassVar[bool]
    """True if it gives logits, which become scores here; else it gives the scores."""
    reads_pairs: ClassVar[bool]

    @property
    def origin(self) -> str:
        """The model there."""
        return f"{self.computation} {self.model}"

    def request(self, inputs: Sequence[Sequence[str]], *, cuts: bool) -> Request:
        """Asks for the labels of inputs, each of one text or two; where it `cuts`, long ones are cut."""
        raise NotImplementedError

    def scores(self, answer: Any, labels: Sequence[str]) -> list[list[float]]:
        """Each input's scores in the order of the `labels`, or its logits.

        Any error of Python's for what is no answer; KeyError where it has not these labels.
        """
        raise NotImplementedError


def numbers(vector: Any) -> Array:
    """A vector that came as a list of numbers, or as the base64 of its little-endian float32."""
    if isinstance(vector, str):
        return np.frombuffer(base64.b64decode(vector, validate=True), "<f4").astype(np.float32)
    return np.asarray(vector, np.float32)


def in_order(rows: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    """The values of rows that each have their `index`, by that. ValueError where one is missing or twice."""
    found = {int(row["index"]): row[key] for row in rows}
    if sorted(found) != list(range(len(rows))):
        raise ValueError("the places are not those of what was sent")
    return [found[place] for place in range(len(rows))]
