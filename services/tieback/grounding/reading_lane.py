"""Threads on which networks read evidence, for answers and for checked claims."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tieback_contract.generation import Evidence
from tieback_contract.limits import Limits

from tieback.admission import Admission
from tieback.batching.lane import Lane

TYPICAL_RATE = 4000.0
"""Tokens that a thread reads a second, before any were measured."""

CHARACTERS_PER_TOKEN = 4
"""By which the size of work is estimated."""

MOST_OF_A_CLAIM = 600
"""Tokens of the sentences that are read with a claim, at most."""


def reading_lane(limits: Limits) -> Lane:
    """A lane with a thread for each core."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    admission = Admission(limits.queued_tokens, workers=threads, unit="tokens of evidence")
    return Lane("reading", admission, threads=threads, rate=TYPICAL_RATE)


def claim_size(sources: Sequence[Evidence]) -> int:
    """Number of tokens that may be read with a claim."""
    return min(tokens_of(*(one.text for one in sources)), MOST_OF_A_CLAIM)


def tokens_of(*texts: str) -> int:
    """Number of tokens that texts may have together."""
    return sum(map(len, texts)) // CHARACTERS_PER_TOKEN + 1
