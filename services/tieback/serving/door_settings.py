"""Which doors are open beside gRPC: a part of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode


class DoorSettings(BaseSettings):
    """What is served for clients of other protocols; docs/doors.md has them."""

    doors: Annotated[tuple[Literal["kserve", "tei"], ...], NoDecode] = Field(
        (),
        description="The protocols of others that the gRPC port speaks too, separated by commas: kserve (of "
        "clients of KServe and Triton), tei (of text-embeddings-inference).",
    )
    tei_model: str = Field(
        "",
        description="The model of the door tei where a call names none in x-tieback-model: a text space, a "
        "cross-encoder, or reranker. Empty: the text space that reranks.",
    )
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="The port of the HTTP door, for clients of OpenAI, Cohere, Jina and MCP. 0: a free one. "
        "Empty: none.",
    )
    mcp: bool = Field(True, description="Whether the HTTP door serves MCP at /mcp, for agents that read.")
    mcp_writes: bool = Field(
        False, description="Whether agents get the tool that writes, too; their token has to allow it."
    )
    console: bool = Field(
        True,
        description="Whether the HTTP door serves the console at /console/, a page for people.",
    )
    votes: Path | None = Field(
        None,
        description="The folder where the console keeps votes on hits and claims, for `tieback train ranker` "
        "and `tieback train claim_reading`. Empty: there are no votes.",
    )

    @field_validator("doors", mode="before")
    @classmethod
    def _doors_apart(cls, names: object) -> object:
        return tuple(filter(None, map(str.strip, names.split(",")))) if isinstance(names, str) else names
