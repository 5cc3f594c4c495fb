"""Inputs of benchmarks: short texts, long texts, photos; from a folder, or from what the project ships.

A folder has the layout of well-known sets:

    sts/*.jsonl                 lines with the sentences "a" and "b": the short texts, up to SHORT_WORDS words
    cranfield/documents.jsonl   lines with an abstract, "text": the long texts, from LONG_WORDS words on
    coco128/images/*.jpg        the photos

Without one, the pages of examples/library that are in the public domain (its README has their sources) are
cut into sentences and into passages, and the photos are those that `tieback models pull --media` brings.
"""

from __future__ import annotations

import argparse
import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.store import Store

from benchmarks.data_folder import add_data, read_rows

LIBRARY = Path(__file__).parents[1] / "examples" / "library" / "text"
SHORT_WORDS, LONG_WORDS, PASSAGE_WORDS = 15, 60, 140
FEWEST_WORDS = 4  # a heading or a number is no sentence
FREE = re.compile(r"^license: LicenseRef-(?:US-Government-)?Public-Domain$", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.;?!])\s+")
PICTURES = {".jpg", ".png"}


class CorpusError(Exception):
    """There is nothing to encode; the message says what is missing where."""


@dataclass(frozen=True)
class Corpus:
    """Texts and pictures in an order of their own, each once; `source` says where they come from."""

    source: str
    short: tuple[str, ...]
    long: tuple[str, ...]
    photos: tuple[bytes, ...]


def add_argument(parser: argparse.ArgumentParser) -> None:
    """The option that `chosen` reads."""
    add_data(parser, "texts and photos, laid out as benchmarks/corpus.py says", otherwise=", or shipped")


def chosen(options: argparse.Namespace) -> Corpus:
    """The corpus that the options ask for. Ends the program where there is none."""
    try:
        return read(options.data)
    except CorpusError as error:
        raise SystemExit(f"{options.name}: {error}") from None


def read(folder: Path | None) -> Corpus:
    """The corpus of a folder, or the one that the project ships. CorpusError where it has no texts."""
    return _of_library() if folder is None else _of_folder(folder)


def _of_folder(folder: Path) -> Corpus:
    pairs = (row for path in sorted((folder / "sts").glob("*.jsonl")) for row in read_rows(path))
    sentences = (text for row in pairs for text in (row["a"], row["b"]))
    short = [text for text in sentences if 0 < len(text.split()) <= SHORT_WORDS]
    documents = folder / "cranfield" / "documents.jsonl"
    found = read_rows(documents) if documents.is_file() else ()
    long = [text for row in found if len((text := row["text"]).split()) >= LONG_WORDS]
    if not short or not long:
        missing = "sts/*.jsonl has no short sentences" if not short else f"{documents.name} has no long texts"
        raise CorpusError(f"{folder} is not laid out as benchmarks/corpus.py says: {missing}")
    photos = [path.read_bytes() for path in sorted((folder / "coco128" / "images").glob("*.jpg"))]
    return _shuffled("STS sentences, Cranfield abstracts, COCO photos", short, long, photos)


def _of_library() -> Corpus:
    pages = [text for path in sorted(LIBRARY.glob("*.md")) if FREE.search(text := path.read_text())]
    sentences = [sentence for page in pages for sentence in _sentences(page)]
    short = [text for text in sentences if FEWEST_WORDS <= len(text.split()) <= SHORT_WORDS]
    long = [passage for page in pages for passage in _passages(_sentences(page))]
    if not short or not long:
        raise CorpusError(f"the library is not there: {LIBRARY}")
    return _shuffled("the public-domain pages of examples/library", short, long, _photos_of_store())


def _sentences(page: str) -> Iterator[str]:
    """The sentences of a page's paragraphs; its head, headings and tables are left out."""
    _, _, body = page.removeprefix("---\n").partition("\n---\n")
    for paragraph in body.split("\n\n"):
        if not paragraph.lstrip().startswith(("#", "|", "-", "*", "`")):
            yield from SENTENCE_END.split(" ".join(paragraph.split()))


def _passages(sentences: Iterable[str]) -> Iterator[str]:
    """Neighbouring sentences joined to passages of at least PASSAGE_WORDS words; the rest is left out."""
    words: list[str] = []
    for sentence in sentences:
        words += sentence.split()
        if len(words) >= PASSAGE_WORDS:
            yield " ".join(words)
            words = []


def _photos_of_store() -> list[bytes]:
    """The pictures that were pulled; none where none were."""
    store, found = Store(), []
    for card in Catalog.load().media():
        try:
            folder = store.media(card)
        except StartupError:
            continue
        found += [path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in PICTURES]
    return found


def _shuffled(source: str, short: list[str], long: list[str], photos: list[bytes]) -> Corpus:
    """Each once, in an order that is the same every time."""

    def order(found: list[str]) -> tuple[str, ...]:
        unique = list(dict.fromkeys(found))
        random.Random(len(unique)).shuffle(unique)
        return tuple(unique)

    return Corpus(source, order(short), order(long), tuple(photos))
