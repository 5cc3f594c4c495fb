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
