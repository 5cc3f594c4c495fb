"""What all cards share: where the weights come from, and what names them and their use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator, model_validator

from tieback.catalog.own_directory import directory_revision, own_files
from tieback.catalog.runtimes import Role, find_runtime
from tieback.catalog.source import FilePath, Sourced, Strict, short_hash
from tieback.core.errors import NotFound

O = TypeVar("O", bound=Strict)  # noqa: E741 - a type variable, not a number
NAME = r"^[a-z0-9][a-z0-9.-]*$"


class Weightless(Strict):
    """Options of a model that is computed without weights, so that its card names no origin of any."""

    computation: ClassVar[str]
    """Names what is computed; to be counted up where the same input would get another vector."""

    @property
    def origin(self) -> str:
        """Stands where the hash of weights would."""
        return self.computation


class HttpEndpoint(Weightless):
    """A model that another server runs, asked over HTTP.

    The token, where one is needed, is in a file or in an environment variable of the server, never in the
    card. `certificates` is a file of authorities to trust in place of the machine's.
    """

    connecting: ClassVar[frozenset[str]] = frozenset(
        {"base_url", "token_file", "token_variable", "token_header", "certificates"}
        | {"connect_seconds", "silent_seconds", "attempts"}
    )
    """Options that change nothing of what is computed: they are in no fingerprint."""

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#@]*)?$")]
    token_file: Annotated[str, Field(max_length=1000)] = ""
    token_variable: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    token_header: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = "Authorization"  # noqa: S105 - no secret
    """Of requests; in this one the token follows the word Bearer."""
    certificates: Annotated[str, Field(max_length=1000)] = ""
    connect_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    silent_seconds: Annotated[float, Field(gt=0, le=600)] = 60.0
    """Without a byte from it, after which it counts as away."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Before the first byte of an answer; after it none is repeated."""

    @model_validator(mode="after")
    def _keeps_its_token(self) -> HttpEndpoint:
        if self.token_file and self.token_variable:
            raise ValueError("the token is in token_file or in token_variable, not in both")
        host = urlsplit(self.base_url).hostname or ""
        is_near = host in ("localhost", "127.0.0.1", "::1")
        if (self.token_file or self.token_variable) and self.base_url.startswith("http:") and not is_near:
            raise ValueError(
                "a token is only sent by https, or to this machine: base_url begins with https://"
            )
        return self


class CardMethod(Strict):
    """A method by name with its parameters, for instance ``pooling: {name: mean}``."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)


class MediaCard(Sourced):
    """Files that are fetched like weights but are no model."""

    role: Literal["media"]


class Card(Sourced):
    """Fields that encoders, rerankers, checkers, recognisers and generators share.

    The weights come from `sources`, or from the user's own `directory` (a transformers or ONNX folder,
    relative to the card's file): one of the two. A model that is `Weightless` has neither, and one that is
    merged has those of others. `hashes` are the SHA-256 sums of the files that the card was written for;
    an export holds the files against them.
    """

    role: Role
    runtime: str
    options: Any = Field(default=None, validate_default=True)
    directory: Path | None = None
    hashes: dict[FilePath, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=dict)

    @field_validator("runtime")
    @classmethod
    def _is_known(cls, name: str, info: ValidationInfo) -> str:
        if role := info.data.get("role"):
            try:
                find_runtime(name, role)
            except NotFound as error:
                raise ValueError(error.message) from None
        return name

    @field_validator("options", mode="before")
    @classmethod
    def _are_of_the_runtime(cls, options: Any, info: ValidationInfo) -> Any:
        """The options as the runtime's; a misspelt key is told by its place."""
        if isinstance(options, Strict) or "runtime" not in info.data:
            return options
        name = info.data["runtime"]
        given = {"runtime": name} | options if isinstance(options, dict) else options or {"runtime": name}
        return find_runtime(name, info.data["role"]).options.model_validate(given)

    @model_validator(mode="after")
    def _has_one_origin(self) -> Card:
        if self.computation and (self.sources or self.directory is not None):
            raise ValueError(f"{self.runtime} has no weights, so the card has no sources and no directory")
        if self.is_merged and (self.sources or self.directory is not None):
            raise ValueError(
                "a merged model has its parents' weights, so the card has no sources and no directory"
            )
        has_own = not self.computation and not self.is_merged
        if has_own and bool(self.sources) == (self.directory is not None):
            raise ValueError("a card has either sources or a directory")
        if self.hashes and self.directory is None:
            raise ValueError("hashes are of the files of a directory; sources have their own")
        if self.directory is not None:
            own_files(self.directory)  # refuses links that lead out of it
        if self.options.runtime != self.runtime:
            raise ValueError(
                f"the options are those of {self.options.runtime}, the runtime is {self.runtime}"
            )
        return self

    def options_for(self, kind: type[O]) -> O:
        """The options as the type that the card's runtime reads."""
        if not isinstance(self.options, kind):
            raise TypeError(f"{self.name} is a {self.runtime} card, not one for {kind.__name__}")
        return self.options

    @property
    def is_merged(self) -> bool:
        """Whether the weights are made of other cards'."""
        return False

    @property
    def parents(self) -> Mapping[str, Card]:
        """The cards that a merged one is made of, by name; none of others."""
        return {}

    @property
    def computation(self) -> str | None:
        """Names what a model without weights computes; None for one that has some."""
        return self.options.computation if isinstance(self.options, Weightless) else None

    @property
    def revision(self) -> str:
        """Names the weights, or the computation: changes when any byte of them does."""
        if self.computation:
            return short_hash(self.options.origin)
        if self.directory is not None:
            return directory_revision(self.directory)
        return super().revision

    @property
    def fingerprint(self) -> str:
        """Names how the weights are used."""
        return short_hash(json.dumps(self._construction(), sort_keys=True, default=str))

    @property
    def export(self) -> str:
        """Names what is made of the weights: changes when they have to be exported again."""
        return self.fingerprint

    def _construction(self) -> dict[str, Any]:
        left_out = self.options.connecting if isinstance(self.options, HttpEndpoint) else None
        return {"runtime": self.runtime, "options": self.options.model_dump(mode="json", exclude=left_out)}
