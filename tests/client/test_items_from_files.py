"""Items made of texts and files, as they are sent."""

import io
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture
from support.each import each
from support.present import present
from tieback_client import Audio, Image, InvalidArgument, Item, Points, Section
from tieback_client.messages.writing_items import sections
from tieback_client.values.documents import LONGEST


def test_a_short_text_is_one_section_with_its_place_in_itself() -> None:
    made = Item.from_text("tides", "Grüße", title="Tides", uri="file:a", metadata={"year": 1990})

    assert made == Item(
        "tides",
        [Section("Grüße", id="1", title="Tides", uri="file:a", span=(0, 7))],
        "Tides",
        {"year": 1990},
    )


@each(
    "text",
    [
        "A sentence of several words. " * 20_000,
        "x" * 300_000,
        "Grüße über das Meer.\r\n\r\n" * 20_000,
        "word " * 100_000,
        "日本語" * 100_000,
    ],
)
def test_a_text_of_any_length_is_sections_that_hold_all_of_it(text: str) -> None:
    parts = sections(Item.from_text("a", text))

    assert "".join(str(one.content) for one in parts) == text
    assert all(len(str(one.content)) <= LONGEST for one in parts)
    assert all(text.encode()[slice(*present(one.span))].decode() == one.content for one in parts)
    assert [one.id for one in parts] == [str(number + 1) for number in range(len(parts))]


def test_long_texts_end_their_sections_at_paragraphs_else_at_sentences() -> None:
    paragraphs = sections(Item.from_text("a", "One. Two.\n\n" * 20_000))
    sentences = sections(Item.from_text("a", "One. Two. " * 20_000))

    assert all(str(one.content).endswith("\n\n") for one in paragraphs)
    assert all(str(one.content).endswith(". ") for one in sentences)


def test_a_text_of_nothing_is_left_for_the_server_to_refuse() -> None:
    assert [one.content for one in sections(Item.from_text("a", ""))] == [""]


def test_a_markdown_file_is_sections_under_headings_with_spans_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tides.md"
    path.write_bytes("---\nyear: 1990\n---\n# Tides\n\nÜber Nacht.\n\n## Moon\n\nIt pulls.\n".encode())

    made = Item.from_file(path, metadata={"kind": "note"})

    assert (made.id, made.title) == ("tides.md", "Tides")
    assert made.metadata == {"year": 1990, "kind": "note"}
    assert [one.title for one in sections(made)] == ["Tides", "Moon"]
    for one in sections(made):
        assert path.read_bytes()[slice(*present(one.span))].decode() == one.content
        assert one.uri.startswith("tides.md#L")


def test_what_is_said_of_a_file_goes_before_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Heading\n\nText.\n")

    made = Item.from_file(path, id="one", title="Mine", uri="https://example.org/a")

    assert (made.id, made.title) == ("one", "Mine")
    assert sections(made)[0].uri == "https://example.org/a#L3"


def test_photos_sounds_and_clouds_are_one_section_each(tmp_path: Path) -> None:
    Picture.new("RGB", (4, 4)).save(tmp_path / "red_cup.png")
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 80)
    (tmp_path / "owl.wav").write_bytes(sound.getvalue())
    np.save(tmp_path / "cube.npy", np.ones((5, 3), np.float32))

    made = [Item.from_file(tmp_path / name) for name in ("red_cup.png", "owl.wav", "cube.npy")]

    assert [type(sections(one)[0].content) for one in made] == [Image, Audio, Points]
    assert [one.title for one in made] == ["red cup", "owl", "cube"]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("empty.txt", b"", "it is empty"),
        ("program.bin", b"\x7fELF\0\0\0\1", "program.bin"),
        ("plan.eps", b"%!PS-Adobe-3.0 EPSF-3.0", "plan.eps: it is an EPS drawing, not text"),
        ("none.md", None, "cannot read it"),
        ("none.png", None, "cannot read"),
        ("empty.png", b"", "empty.png: it is empty"),
        ("text.jpg", b"words", "text.jpg: it is no picture that is read"),
        ("sound.webp", b"RIFF\0\0\0\0WAVE", "sound.webp: it is no picture"),
        ("empty.wav", b"", "empty.wav: it is empty"),
        ("song.wav", b"ID3\3", "song.wav: it is no sound that is read"),
    ],
)
def test_a_file_that_gives_no_item_is_refused_with_the_reason(
    tmp_path: Path, name: str, data: bytes | None, words: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)

    with pytest.raises(InvalidArgument, match=words):
        Item.from_file(tmp_path / name)


def test_the_files_of_an_archive_are_items_with_their_names(tmp_path: Path) -> None:
    path = tmp_path / "plan.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("docs/tides.md", "# Tides\n\nHigh.\n")
        archive.writestr("moon.txt", "It pulls.\n")
        archive.writestr("program", b"\x7fELF\0\0\0\1")

    made = Item.all_from_file(path, id="plan", uri="https://example.org/plan.zip", metadata={"kind": "note"})

    assert [(one.id, one.title, one.metadata) for one in made] == [
        ("plan/docs/tides.md", "Tides", {"kind": "note"}),
        ("plan/moon.txt", "moon", {"kind": "note"}),
    ]
    assert sections(made[0])[0].uri == "https://example.org/plan.zip/docs/tides.md#L3"


def test_a_large_file_is_several_items_that_hold_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "big.log"
    text = "".join(f"line {number} of a log\n" for number in range(200_000))
    path.write_text(text)

    items = Item.all_from_file(path, metadata={"kind": "log"})

    assert [one.id for one in items] == [
        "big.log", *(f"big.log/{number}" for number in range(2, len(items) + 1)),
    ]  # fmt: skip
    assert len(items) > 10
    assert all(one.metadata == {"kind": "log"} for one in items)
    parts = [one for item in items for one in sections(item)]
    assert " ".join(str(one.content) for one in parts).split() == text.split()
    assert all(text.encode()[slice(*present(one.span))].decode() == one.content for one in parts)
    with pytest.raises(InvalidArgument, match="all_from_file"):
        Item.from_file(path)


def test_all_of_a_small_file_is_the_item_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Tides\n\nWords.\n")

    assert Item.all_from_file(path, id="a") == [Item.from_file(path, id="a")]
