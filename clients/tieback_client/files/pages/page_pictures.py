"""Pictures of the pages of a PDF that were scanned: the largest picture of each, by pypdf and Pillow."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tieback_client.files.packages import load

LARGEST = 64 << 20
"""Pixels of a picture that is decoded."""
LEAST = 300
"""Pixels of its shorter side; a smaller one is a mark or a logo, and no page."""
SIDE = 2500
"""Pixels of its longer side when it is sent: 215 dots an inch of A4."""
BYTES = 256 << 20
"""Of the pictures of one file, as they are sent."""
DECODED = 75_000_000
"""Bytes of a stream of a picture, decompressed."""
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class PagePicture:
    """A page that is a picture."""

    page: int
    """From 1."""
    heading: str
    """The one in force on the page, or "page 3"."""
    data: bytes
    """JPEG."""

    @property
    def locator(self) -> str:
        """Place of it in the file, as the fragment of a URI."""
        return f"page={self.page}"


def picture_of(page: Any) -> bytes:
    """The largest picture of a page as JPEG, turned as the page is shown; nothing where it has none.

    Errors of any type where it is damaged. `FailedPrecondition` where Pillow is not installed.
    """
    pypdf = load("pypdf", "PDF")
    load("PIL", "scanned pages")
    limits = {f"{one}_maximum_output_length": DECODED for one in ("zlib", "lzw", "run_length")}
    sized = [(_pixels(one), at, one) for at, one in enumerate(_pictures(page.get("/Resources"), 0))]
    fitting = [one for one in sized if 0 < one[0] <= LARGEST]
    if not fitting:
        return b""
    with pypdf.apply_configuration(**limits):
        picture = max(fitting)[2].decode_as_image()
    if picture is None:
        return b""
    turned = -int(page.get("/Rotate") or 0) % 360
    picture = picture.convert("L" if picture.mode in ("1", "L") else "RGB")
    picture.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    picture.rotate(turned, expand=True).save(written, "JPEG", quality=85)
    return written.getvalue()


def has_picture(page: Any) -> bool:
    """Tell whether a page holds a picture that may be one of all of it."""
    return any(0 < _pixels(one) <= LARGEST for one in _pictures(page.get("/Resources"), 0))


def _pictures(resources: Any, depth: int) -> Iterator[Any]:
    """The pictures that resources name, also those within forms."""
    named = resources.get_object().get("/XObject") if resources is not None else None
    objects: Any = named.get_object() if named is not None else {}
    for name in objects:
        one = objects[name].get_object()
        if one.get("/Subtype") == "/Image":
            yield one
        elif one.get("/Subtype") == "/Form" and depth < _DEEPEST:
            yield from _pictures(one.get("/Resources"), depth + 1)


def _pixels(picture: Any) -> int:
    """Count the pixels of a picture; 0 of one that is too small to be a page."""
    sides = int(picture.get("/Width") or 0), int(picture.get("/Height") or 0)
    return sides[0] * sides[1] if min(sides) >= LEAST else 0
