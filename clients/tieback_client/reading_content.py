"""Messages become contents: what a section was encoded from."""

from __future__ import annotations

from typing import Any

from tieback_contract.tensors import read_array

from tieback_client.content import Audio, Content, Features, Image, Points, Text


def content(message: Any) -> Content:
    """A content of the kinds that items have."""
    match message.WhichOneof("kind"):
        case "image":
            return Image(message.image)
        case "audio":
            return Audio(message.audio)
        case "points":
            return Points(read_array(message.points.coordinates))
        case "features":
            return Features({name: list(one.values) for name, one in message.features.values.items()})
        case _:
            return Text(message.text)
