"""The report of a call: its times, its cost, and its id in the server's logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CallInfo:
    """How one call went, beside its answer."""

    method: str = ""
    """The RPC, for instance ``"Retrieve"``."""
    request_id: str = ""
    """Names the call in the server's logs."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The call's initial and trailing metadata, binary values left out."""
    retries: int = 0
    """How many times it was sent again before this answer came."""
    seconds: float = 0.0
    """How long it took, seen from here, retries included."""
