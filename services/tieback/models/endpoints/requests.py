"""Inputs of a batch as the requests that an endpoint takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tieback.catalog.endpoint_options import TextEndpoint


def parts_of(
    options: TextEndpoint, sizes: Sequence[tuple[int, int]], most: int | None = None
) -> Iterator[list[int]]:
    """The places of what goes into one request, by the tokens and the bytes of each input.

    A request has `most` inputs, by default as many as the options say.
    """
    part, tokens, size = list[int](), 0, 0
    for place, (more_tokens, more) in enumerate(sizes):
        full = len(part) == (most or options.batch) or size + more > options.batch_bytes
        if part and (full or tokens + more_tokens > options.batch_tokens):
            yield part
            part, tokens, size = [], 0, 0
        part.append(place)
        tokens, size = tokens + more_tokens, size + more
    if part:
        yield part
