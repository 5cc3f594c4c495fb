"""Models that a server has no weights of: they are computed without any, or another server runs them."""

from __future__ import annotations

from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from tieback.catalog.source import Strict


class Weightless(Strict):
    """Options of a model that is computed without weights, so that its card names no origin of any."""

    computation: ClassVar[str]
    """Names what is computed; to be counted up where the same input would get another vector."""


class HttpEndpoint(Weightless):
    """A model that another server runs, asked over HTTP.

    The token, where one is needed, is in a file or in an environment variable of the server, never in the
    card. `certificates` is a file of authorities to trust in place of the machine's.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s?#@]*)?$")]
    token_file: Annotated[str, Field(max_length=1000)] = ""
    token_variable: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
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
