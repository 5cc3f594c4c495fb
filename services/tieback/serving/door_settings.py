"""Which doors are open beside gRPC: a part of the settings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class DoorSettings(BaseSettings):
    """What is served for clients of other protocols; docs/doors.md has them."""

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
