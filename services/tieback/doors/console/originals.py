"""Pictures, sounds and texts of hits, for looking at them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from tieback_client import AsyncClient, Audio, Image, InvalidArgument
from tieback_client.jsonable import jsonable

from tieback.doors.caller import time_of
from tieback.doors.http.errors import Refused
from tieback.doors.http.operation import DoorOperation

SECONDS = 30.0
FIELDS = {"item_id": "item", "section_id": "section"}
# The types of what a server takes; the bytes decide, never the name of a file.
_BEGINNINGS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "content-disposition": "attachment",
    "cache-control": "no-store",
}


def original(client: AsyncClient) -> DoorOperation:
    """What a section was encoded from, as a file of a type that is shown and never run."""

    async def handle(request: Request) -> Response:
        collection, item, section = (_named(request, name) for name in ("collection", "item", "section"))
        found = await client.original(collection, item, section, timeout=time_of(SECONDS))
        if not isinstance(found, Image | Audio):
            raise Refused(404, "ORIGINAL_NOT_FOUND", "the section is neither a picture nor a sound")
        return Response(found.data, media_type=type_of(found.data), headers=_HEADERS)

    return DoorOperation("console.original", handle, FIELDS)


def passage(client: AsyncClient) -> DoorOperation:
    """An item as it is stored."""

    async def handle(request: Request) -> Response:
        collection, item = (_named(request, name) for name in ("collection", "item"))
        found = await client.get(collection, item, timeout=time_of(SECONDS))
        return JSONResponse(jsonable(found))

    return DoorOperation("console.passage", handle, FIELDS)


def type_of(data: bytes) -> str:
    """The type of a picture or a sound by its first bytes."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    if data[:4] == b"RIFF":
        return {b"WAVE": "audio/wav", b"WEBP": "image/webp"}.get(data[8:12], "application/octet-stream")
    return "application/octet-stream"


def _named(request: Request, name: str) -> str:
    value = request.query_params.get(name, "")
    if not value:
        raise InvalidArgument.at(name, "it is missing")
    return value
