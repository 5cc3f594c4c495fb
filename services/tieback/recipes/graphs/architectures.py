"""Which architectures are exported from torch, and how many tokens each has places for."""

from __future__ import annotations

from typing import Any

BACKBONES = (
    "bert", "distilbert", "roberta", "xlm-roberta", "camembert", "mpnet", "electra", "albert",
)  # fmt: skip
"""Text encoders whose layers can be taken apart, and whose rerankers were seen to agree with torch."""

BEHIND_PADDING = ("roberta", "xlm-roberta", "camembert", "altclip_text_model", "clap_text_model")
"""These count places from behind the padding token's number."""


def positions(architecture: Any, places: Any, padding: Any) -> int | None:
    """The longest text that there are places for, special tokens included; None for no known limit."""
    if not isinstance(places, int) or places <= 0:
        return None
    if architecture in BEHIND_PADDING:
        return places - (padding if isinstance(padding, int) else 1) - 1
    return places - 2 if architecture == "mpnet" else places
