"""Benchmarks read a folder in its layout, or what the project ships."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks.corpus import LONG_WORDS, SHORT_WORDS, CorpusError, add_argument, chosen, read

pytestmark = pytest.mark.all


def write(folder: Path) -> None:
    (folder / "sts").mkdir(parents=True)
    (folder / "cranfield").mkdir()
    (folder / "coco128" / "images").mkdir(parents=True)
    pairs = [
        {"score": 4.0, "a": "A cat sits.", "b": "A cat is sitting."},
        {"a": "A cat sits.", "b": "x " * 40},
    ]
    (folder / "sts" / "one.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    documents = [{"id": "1", "text": "word " * 80}, {"id": "2", "text": "too short"}, {"id": "3", "text": ""}]
    (folder / "cranfield" / "documents.jsonl").write_text("\n".join(json.dumps(one) for one in documents))
    (folder / "coco128" / "images" / "1.jpg").write_bytes(b"a picture")


def test_a_folder_in_the_layout_gives_short_and_long_texts_and_photos(tmp_path: Path) -> None:
    write(tmp_path)

    corpus = read(tmp_path)

    assert sorted(corpus.short) == ["A cat is sitting.", "A cat sits."]  # each once, and none that is long
    assert corpus.long == ("word " * 80,)
    assert corpus.photos == (b"a picture",)


def test_a_folder_without_texts_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="sts"):
        read(tmp_path)


def test_a_folder_without_photos_has_none(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "coco128" / "images" / "1.jpg").unlink()

    assert read(tmp_path).photos == ()


def test_what_the_project_ships_is_enough_of_real_text() -> None:
    corpus = read(None)

    assert len(corpus.short) > 500
    assert len(corpus.long) > 100
    assert all(len(text.split()) <= SHORT_WORDS for text in corpus.short)
    assert all(len(text.split()) >= LONG_WORDS for text in corpus.long)
    assert "license:" not in "".join((*corpus.short, *corpus.long))
    assert read(None) == corpus  # in the same order every time


def test_the_option_names_the_folder_and_ends_the_program_where_it_is_none(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_argument(parser)
    options = parser.parse_args(["--data", str(tmp_path)], argparse.Namespace(name="speed"))

    with pytest.raises(SystemExit, match=r"speed: .*sts"):
        chosen(options)
