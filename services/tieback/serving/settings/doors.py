"""Which doors are open beside gRPC: a part of the settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

CHANNELZ, CONSOLE, KSERVE, MCP, MCP_WRITES, TEI = "channelz", "console", "kserve", "mcp", "mcp_writes", "tei"
DOORS = (KSERVE, TEI, CHANNELZ, CONSOLE, MCP, MCP_WRITES)


class PlacementSettings(BaseSettings):
    """What Ray Serve is told of the deployments; `serving/processes/deployments.py` reads it."""

    replicas: int = Field(
        1,
        gt=0,
        description="Number of replicas of every service that stores nothing: encoders, router, reranker, "
        "generator. On Ray Serve.",
    )
    replicas_per_node: int = Field(
        0,
        ge=0,
        description="Maximum number of replicas of one service on one machine, gateways too. 0: no limit. "
        "With a limit, a rollout stops a replica before it starts the next, so have two. On Ray Serve.",
    )
    replicas_max: int = Field(
        0, ge=0, description="If above TIEBACK_REPLICAS: the maximum of an encoder's autoscaling."
    )
    gateways: int = Field(
        1, gt=0, description="Number of gateway processes on the public port, on Ray Serve."
    )
    direct: bool = Field(
        False, description="Whether clients may call encoders directly, on free ports. Only on Ray Serve."
    )
    replica_cpus: float = Field(0.0, ge=0, description="CPU cores that Ray reserves for a replica.")
    replica_gpus: float = Field(0.0, ge=0, description="GPUs that Ray reserves for a replica with models.")
    pin_resource: str = Field("", description="The Ray resource of the machines on which gateways may run.")
    store_resource: str = Field(
        "", description="The Ray resource of the machine that has the store. Empty: TIEBACK_PIN_RESOURCE."
    )


class DoorSettings(BaseSettings):
    """What is served for clients of other protocols; docs/doors.md has them."""

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
