"""Whether bytes begin as a picture or a sound that servers read; the servers check the rest."""

from __future__ import annotations

_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"BM")
_SOUNDS = (b"fLaC", b"OggS")


def fault_of_picture(data: bytes) -> str:
    """Why bytes are no picture; "" where they begin as one."""
    if data.startswith(_PICTURES) or _is_riff(data, b"WEBP"):
        return ""
    return "it is no picture that is read (JPEG, PNG, WebP, BMP, GIF)" if data else "it is empty"


def fault_of_sound(data: bytes) -> str:
    """Why bytes are no sound; "" where they begin as one."""
    if data.startswith(_SOUNDS) or _is_riff(data, b"WAVE"):
        return ""
    return "it is no sound that is read (WAV, FLAC, Ogg Vorbis)" if data else "it is empty"


def _is_riff(data: bytes, form: bytes) -> bool:
    return data[:4] == b"RIFF" and data[8:12] == form
