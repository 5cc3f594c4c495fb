"""The load of a replica in its trailing metadata, one line per response, for callers that choose replicas.

It is sent on inner ports and on direct ports, where the caller chooses between replicas. The public port does
not send it.
"""

from __future__ import annotations

from collections.abc import Iterable

from tieback.core.types.load import Load

KEY = "tieback-load"


def write_load(load: Load) -> tuple[str, str]:
    """The metadata of a load: tokens that wait, the measured tokens per second (0 before any was), and the
    share of contents that were known lately.
    """
    return KEY, f"{load.queued_tokens} {load.tokens_per_second:.1f} {load.known_share:.2f}"


def read_load(metadata: Iterable[tuple[str, str | bytes]] | None) -> tuple[int, float, float] | None:
    """What `write_load` wrote; None if the response has no load."""
    for key, value in metadata or ():
        if key == KEY and isinstance(value, str):
            tokens, rate, known_share = value.split(" ")
            return int(tokens), float(rate), float(known_share)
    return None
