"""Limits of what a server takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server refuses to take. 0 is no limit."""

    message_bytes: int = 32 * 1024 * 1024
    """Bytes of one message."""
    batch_items: int = 1024
    """Items of one batch."""
    text_bytes: int = 1024 * 1024
    """Bytes of one text."""
    image_pixels: int = 40_000_000
    """Pixels of one picture."""
    audio_seconds: float = 600.0
    """Seconds of one sound."""
    points: int = 200_000
    """Points of one cloud."""
    queued_tokens: int = 200_000
    """Tokens waiting in one replica before it refuses more."""
    stop_texts: int = 16
    """Stop texts of one answer."""
    stop_bytes: int = 256
    """Bytes of one stop text."""
    query_parts: int = 64
    """Contents of one query."""
    rerank_tokens: int = 1024
    """Rows of the multi-vector of a query or a candidate that is reranked; longer contents are cut."""
    rerank_steps: int = 4_000_000_000
    """Work waiting in the reranker: query tokens × candidate tokens × passes of the method."""
    decoded_bytes: int = 768 * 1024 * 1024
    """Bytes of decoded pictures, sounds and point clouds that one process holds at a time."""
    name_bytes: int = 4096
    """Bytes of an id, a name, a title, a URI, and of any string that is not content."""
    filter_bytes: int = 64 * 1024
    """Bytes of a filter."""
    sections: int = 4096
    """Sections of one item."""
    entries: int = 256
    """Entries of a map, of metadata, and of a method's parameters."""
    numbers: int = 64 * 1024
    """Numbers of one field: token numbers, indices, spans."""
    fields: int = 256 * 1024
    """Fields of one message, nested ones included."""
    depth: int = 32
    """How deep messages may be nested."""
    request_bytes: int = 128 * 1024 * 1024
    """Bytes of the requests that one process works on at a time."""
    open_calls: int = 1024
    """Calls open at once in one process."""
    tenant_calls: int = 512
    """Calls open at once of one tenant in one process."""
    connection_calls: int = 512
    """Calls open at once on one connection; more wait at the caller's side."""
    metadata_key_bytes: int = 256
    """Bytes of one key of an item's metadata."""
    metadata_bytes: int = 64 * 1024
    """Bytes of an item's metadata, as JSON."""
    collection_keys: int = 1024
    """Different keys of metadata in one collection."""
    collections: int = 1000
    """Collections of the server, those of all tenants together."""
