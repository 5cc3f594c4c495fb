"""What a server refuses to take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server refuses to take; the contract's `Limits` in Python. 0 is no limit."""

    message_bytes: int = 32 * 1024 * 1024
    batch_items: int = 1024
    text_bytes: int = 1024 * 1024
    image_pixels: int = 40_000_000
    audio_seconds: float = 600.0
    points: int = 200_000
    queued_tokens: int = 200_000
    query_parts: int = 64
    rerank_tokens: int = 1024
    rerank_steps: int = 4_000_000_000
    decoded_bytes: int = 768 * 1024 * 1024
    stop_texts: int = 16
    stop_bytes: int = 256
    name_bytes: int = 4096
    filter_bytes: int = 64 * 1024
    sections: int = 4096
    entries: int = 256
    numbers: int = 64 * 1024
    fields: int = 256 * 1024
    depth: int = 32
    request_bytes: int = 128 * 1024 * 1024
    open_calls: int = 1024
    tenant_calls: int = 512
    connection_calls: int = 512
    metadata_key_bytes: int = 256
    metadata_bytes: int = 64 * 1024
    collection_keys: int = 1024
    collections: int = 1000
