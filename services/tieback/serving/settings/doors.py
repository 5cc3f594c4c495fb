"""Which doors are open beside gRPC: a part of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

CHANNELZ, CONSOLE, KSERVE, MCP, MCP_WRITES, TEI = "channelz", "console", "kserve", "mcp", "mcp_writes", "tei"
DOORS = (KSERVE, TEI, CHANNELZ, CONSOLE, MCP, MCP_WRITES)


class DoorSettings(BaseSettings):
    """Settings of what is served to clients of other protocols (docs/apis.md)."""

    doors: Annotated[tuple[str, ...], NoDecode] = Field(
        ("console", "mcp"),
        description="What is served beside the API, separated by commas. On the gRPC port: kserve (for "
        "clients of KServe and Triton), tei or tei:MODEL (for text-embeddings-inference; MODEL where "
        "a call names none in x-tieback-model: a text space, a cross-encoder, or reranker; else the text "
        "space that reranks), channelz (the state of gRPC channels). On the HTTP port: console (a page for "
        "people at /console/), mcp (tools for agents that read), mcp_writes (the one that writes, too; their "
        "token has to allow it).",
    )
    http_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="The port of the HTTP door, for clients of OpenAI, Cohere, Jina and MCP. 0: a free one. "
        "Empty: none.",
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

    @field_validator("doors")
    @classmethod
    def _known_doors(cls, doors: tuple[str, ...]) -> tuple[str, ...]:
        for door in doors:
            if door not in DOORS and not door.startswith(f"{TEI}:"):
                raise ValueError(f"{door!r} is none of {', '.join(DOORS)}")
        return doors

    def opens(self, *doors: str) -> bool:
        """Tell whether one of these doors is open."""
        return any(door.partition(":")[0] in doors for door in self.doors)

    @property
    def tei_model(self) -> str:
        """The model of the door tei where a call names none; empty where the settings leave it open."""
        return next((door.partition(":")[2] for door in self.doors if door.startswith(f"{TEI}:")), "")
