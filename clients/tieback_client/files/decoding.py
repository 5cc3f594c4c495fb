"""From a file's bytes to its text, whatever its encoding, and whether it is a text at all.

Byte-order marks decide first, then UTF-8 where it is valid, then UTF-16 without a mark, then what a page
says. The rest is told by chardetng, the detector of Firefox, which knows the letters of languages.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tieback_client.files.document import NotText
from tieback_client.files.packages import load

SAMPLE = 1 << 16
"""Bytes that are read to recognise the type of a file."""
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
"""Byte-order marks and what they mean; the longer ones first."""
_CONTROL = re.compile(rb"[\x00-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_PAGE = re.compile(rb"[\s\xef\xbb\xbf]{0,100}<(!doctype|html)\b", re.IGNORECASE)
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_WESTERN = ("cp1252", "latin-1")
# Encodings that browsers name otherwise than Python, or that Python has more of under another name.
_CODECS = {
    "iso8859_1": "cp1252",
    "ascii": "cp1252",
    "iso8859_9": "cp1254",
    "iso8859_8_i": "iso8859_8",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "windows_874": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
}
# Latin-4 was hardly ever used: short texts that are taken for it are western ones.
_NOT_BELIEVED = "ISO-8859-4"
_OF_PAGES = re.compile(r"cp125\d|cp874|cp932|cp949|iso8859_\d+|koi8_[ru]|euc_jp|gb18030|big5hkscs|tis_620")
_ESCAPED = re.compile("[\udc80-\udcff]")
_WESTERN_BYTES = {
    0xDC00 + byte: bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in range(0x80, 0x100)
}
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "gzip data"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ\0", "xz data"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"\x7fELF", "an ELF program"),
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a Mach-O program"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"RIFF", "RIFF data"),
    (b"OggS", "an Ogg stream"),
    (b"fLaC", "a FLAC sound"),
    (b"ID3", "an MP3 sound"),
    (b"\xd0\xcf\x11\xe0", "an Office document of before 2007"),
    (b"\0\0\0", "binary data"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and how it was read."""

    text: str
    """The text of the file, without a byte-order mark; NUL is a space."""
    encoding: str
    notes: tuple[str, ...] = ()


def storable(text: str) -> str:
    """A text without what UTF-8 cannot hold; NUL is a space."""
    return text.encode(errors="replace").decode().replace("\0", " ")


def kind_of_bytes(data: bytes) -> str:
    """What binary bytes are by their first ones, for people."""
    return next((kind for magic, kind in _KINDS if data.startswith(magic)), "binary data")


def called(data: bytes) -> str:
    """Name bytes, for people, where they are not what the name says: text, a page of HTML, or a kind."""
    if not data[:SAMPLE].strip(b"\0"):
        return "NUL bytes alone"
    if is_binary(data):
        return kind_of_bytes(data)
    return "a page of HTML" if _PAGE.match(data) else "a text"


def is_pdf(data: bytes) -> bool:
    """Whether the bytes begin as a PDF does."""
    return data.startswith(b"%PDF-")


def is_binary(data: bytes, *, called_text: bool = False) -> bool:
    """Whether the bytes at the head of a file are no text in any encoding.

    A file that is `called_text` by its name may hold some control characters; another one must not hold NUL.
    """
    sample = data[:SAMPLE]
    if any(sample.startswith(mark) for mark in MARKS) or _unmarked_utf16(sample):
        return False
    controls = len(_CONTROL.findall(sample))
    if called_text:
        return (controls > 8 and 20 * controls > len(sample)) or (
            controls > 0 and kind_of_bytes(sample) != "binary data" and not _is_utf8(sample)
        )
    return b"\0" in sample or 50 * controls > len(sample)


def decoded(data: bytes, *, called_text: bool = True, declared: str = "") -> Decoded:
    """The text of a file. `NotText` where it is a binary file.

    `declared` is the encoding that it declares; a mark, and valid UTF-8, count for more.
    """
    if is_binary(data, called_text=called_text):
        raise NotText(f"it is {kind_of_bytes(data)}, not text")
    text, encoding, notes = _text_of(data, declared)
    if "\0" in text:
        count = text.count("\0")
        text = text.replace("\0", " ")
        what = "1 NUL character was" if count == 1 else f"{count} NUL characters were"
        notes = (*notes, f"{what} read as a space")
    return Decoded(text, encoding, notes)


def _text_of(data: bytes, declared: str) -> tuple[str, str, tuple[str, ...]]:
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return _with_losses(data[len(mark) :], encoding)
    utf16 = _unmarked_utf16(data[:SAMPLE])
    if utf16:
        return _with_losses(data, utf16)
    try:
        return data.decode(), "utf-8", ()
    except UnicodeDecodeError:
        pass
    encoding = _known(declared)
    if encoding and _decodes(data, encoding):
        return data.decode(encoding), encoding, ()
    text, strays = _nearly_utf8(data)
    if _beyond_ascii(text) >= 3 * strays:
        what = "byte is not UTF-8 and was" if strays == 1 else "bytes are not UTF-8 and were"
        return text, "utf-8", (f"{strays} {what} read as Windows-1252",)
    encoding = _guessed(data)
    return data.decode(encoding), encoding, ()


def _with_losses(data: bytes, encoding: str) -> tuple[str, str, tuple[str, ...]]:
    """Decodes what is marked as this encoding; broken sequences become U+FFFD, with a note."""
    try:
        return data.decode(encoding), encoding, ()
    except UnicodeDecodeError:
        text = data.decode(encoding, errors="replace")
        return text, encoding, (f"some of its bytes are not {encoding}, and were read as U+FFFD",)


def _unmarked_utf16(sample: bytes) -> str:
    """Which UTF-16 a sample without a mark is: every second byte is NUL in Latin script; "" for none."""
    sample = sample[: len(sample) // 2 * 2]
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if not sample or 10 * max(even, odd) < 4 * len(sample) // 2 or 50 * min(even, odd) > max(even, odd):
        return ""
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = sample.decode(encoding, errors="replace")
    return encoding if 100 * len(_UNPRINTABLE.findall(text)) <= len(text) else ""


def _is_utf8(sample: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        decoder.decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _beyond_ascii(text: str) -> int:
    return len(text) - len(text.encode("ascii", errors="ignore"))


def _nearly_utf8(data: bytes) -> tuple[str, int]:
    """The bytes as UTF-8, where others stand in it as Windows-1252, and how many those are."""
    strays = data.decode(errors="surrogateescape")
    return strays.translate(_WESTERN_BYTES), len(_ESCAPED.findall(strays))


def _guessed(data: bytes) -> str:
    """The encoding of a text that is neither UTF-8 nor UTF-16."""
    western = next(one for one in _WESTERN if _decodes(data, one))
    detector = load("chardetng_py", "a text that is not UTF-8")
    sample = _sampled(data)
    guess = str(detector.detect(sample))
    if guess == "ISO-8859-2" and sample.count(b"\xab") == sample.count(b"\xbb") > 0:
        # These are the quotes of western languages (« »), and rare letters of Slovak ("Ť", "ť") in Latin-2.
        guess = str(detector.detect(sample.translate(None, b"\xab\xbb")))
    codec = _codec(guess)
    return codec if guess != _NOT_BELIEVED and _decodes(data, codec) else western


def _sampled(data: bytes) -> bytes:
    """Enough of the bytes to decide, from where they first are no ASCII; in whole lines if there are some."""
    first = re.search(rb"[\x80-\xff]", data)
    begin = data.rfind(b"\n", 0, first.start()) + 1 if first else 0
    begin = max(begin, (first.start() if first else 0) - SAMPLE // 2)
    sample = data[begin : begin + SAMPLE]
    end = sample.rfind(b"\n")
    return sample[:end] if end > 0 and begin + SAMPLE < len(data) else sample


def _known(declared: str) -> str:
    """The codec that a page names by its declaration, as browsers understand it; "" for others."""
    name = _codec(declared)
    return name if _OF_PAGES.fullmatch(name) else ""


def _codec(label: str) -> str:
    """Python's codec for the name of an encoding as browsers understand it; "" where there is none."""
    name = _CODECS.get(label.lower().replace("-", "_"), label)
    try:
        name = codecs.lookup(name).name.replace("-", "_") if name else ""
    except LookupError:
        return ""
    return _CODECS.get(name, name)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return False
    return True
