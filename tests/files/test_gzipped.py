"""A text that gzip compressed is read as what it is without."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tieback_client import InvalidArgument, Item
from tieback_client.files import NotText, read_document, reading
from tieback_client.files.packed import gzipped

PAGE = b"# Locks\n\nA lock opens at noon.\n\n## Tides\n\nThe tide is high.\n"


def test_a_compressed_page_has_the_format_of_its_name_and_the_lines_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "locks.md.gz"
    path.write_bytes(gzip.compress(PAGE))

    document = read_document(path)

    assert document == read_document(PAGE, "locks.md")
    assert [section.locator for section in document.sections] == ["L3", "L7"]
    assert Item.from_file(path).title == "Locks"


def test_parts_that_were_compressed_one_after_another_are_one_text() -> None:
    data = gzip.compress(PAGE[:20]) + gzip.compress(PAGE[20:])

    assert read_document(data, "locks.MD.GZ") == read_document(PAGE, "locks.MD")


def test_what_is_damaged_is_refused() -> None:
    whole = gzip.compress(PAGE)
    for data in (whole[:-9], b"\x1f\x8b\x08", whole[:-6] + b"\0" * 6):
        with pytest.raises(InvalidArgument, match="damaged or cut off"):
            read_document(data, "locks.md.gz")


def test_a_small_file_of_a_huge_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 1000)
    read_document(gzip.compress(b"a b " * 250), "small.txt.gz")

    with pytest.raises(InvalidArgument, match="more than 1,000 bytes uncompressed"):
        read_document(gzip.compress(b"a b " * 251), "huge.txt.gz")


def test_what_is_no_text_is_none_when_it_is_compressed() -> None:
    for data, name in ((b"\x7fELF\2\1\1\0\0\0", "program.gz"), (b"%!PS-Adobe-3.0", "lid.ps.gz")):
        with pytest.raises(NotText):
            read_document(gzip.compress(data), name)


def test_the_beginning_of_a_part_of_the_file_is_read() -> None:
    data = gzip.compress(PAGE * 1000)

    assert gzipped.beginning(data[: len(data) // 2], 20) == PAGE[:20]
    assert gzipped.beginning(b"\x1f\x8b\x08\xff\xff", 20) == b""
