"""The collections of a folder of data, whatever their names.

    retrieval/NAME, cranfield   documents.jsonl: id, title, text; queries.jsonl: id, text, judgements
    captions                    captions.json: {photo: [sentence, …]}; images/
    sounds                      labels.json: {sound: class}; the sounds beside it

What a folder does not have is left out.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.data_folder import DataError, add_data, read_rows
from benchmarks.pipeline.judged import Document, Judged, Question
from benchmarks.pipeline.library import mixed_library

TEXT_TO_PHOTO, PHOTO_TO_TEXT = "captions: text to photo", "captions: photo to text"
WORD_TO_SOUND, SOUND_TO_SOUND = "sounds: name to sound", "sounds: sound to sound"


def add_collections(parser: argparse.ArgumentParser, only: Sequence[str] = ()) -> None:
    """The options that `collections_of` reads; `only` is the default of --only."""
    add_data(parser, "judged collections, laid out as benchmarks/pipeline/collections.py says")
    shown = f" [{' '.join(only)}]" if only else ""
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", default=only, help=f"those whose name begins so{shown}"
    )


def collections_of(options: argparse.Namespace, *, mixed: bool = False) -> list[Judged]:
    """The collections that the options name, with the mixed library or, without a folder, that alone."""
    if options.data is None and not mixed:
        raise DataError("name a folder of judged collections")
    found = [] if options.data is None else read(Path(options.data))
    every = [*found, mixed_library()] if mixed else found
    return [one for one in every if one.name.startswith(tuple(options.only or ("",)))]


def read(folder: Path) -> list[Judged]:
    """Every collection of the folder. DataError where a file is not what it should be, or there are none."""
    found = [*_texts(folder), *_captions(folder / "captions"), *_sounds(folder / "sounds")]
    if not found:
        raise DataError("the folder has none of retrieval/*, cranfield, captions, sounds")
    return found


def _texts(folder: Path) -> Iterator[Judged]:
    for place in (*sorted((folder / "retrieval").glob("*")), folder / "cranfield"):
        if not (place / "documents.jsonl").is_file():
            continue
        try:
            documents = [
                Document(str(row["id"]), row.get("text") or row.get("title", ""), row.get("title") or "")
                for row in read_rows(place / "documents.jsonl")
                if row.get("text") or row.get("title")
            ]
            known = {one.id for one in documents}
            questions = [
                Question(str(row["id"]), [row["text"]], _grades(row["judgements"], known))
                for row in read_rows(place / "queries.jsonl")
            ]
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{place.name} is not laid out as it should be: {error!r}") from None
        yield Judged(place.name, documents, [one for one in questions if one.grades])


def _grades(judgements: dict[str, int], known: set[str]) -> dict[str, int]:
    return {str(name): int(grade) for name, grade in judgements.items() if grade > 0 and str(name) in known}


def _captions(folder: Path) -> Iterator[Judged]:
    """Photos found by one of their sentences each, and sentences found by their photo."""
    if not (folder / "captions.json").is_file():
        return
    said = _object(folder / "captions.json")
    photos = {name: folder / "images" / name for name in said if (folder / "images" / name).is_file()}
    yield Judged(
        TEXT_TO_PHOTO,
        [Document(name, file=path) for name, path in photos.items()],
        [
            Question(name, [said[name][place % len(said[name])]], {name: 1})
            for place, name in enumerate(photos)
        ],
        frozenset({"image"}),
    )
    sentences = {f"{name}#{n}": text for name in photos for n, text in enumerate(said[name])}
    yield Judged(
        PHOTO_TO_TEXT,
        [Document(name, text) for name, text in sentences.items()],
        [
            Question(name, [path], {f"{name}#{n}": 1 for n in range(len(said[name]))})
            for name, path in photos.items()
        ],
    )


def _sounds(folder: Path) -> Iterator[Judged]:
    """Sounds found by the name of their class, and by another sound of it."""
    if not (folder / "labels.json").is_file():
        return
    labels = {
        name: label for name, label in _object(folder / "labels.json").items() if (folder / name).is_file()
    }
    documents = [Document(name, file=folder / name) for name in labels]
    classes = {label: {name: 1 for name in labels if labels[name] == label} for label in labels.values()}
    yield Judged(
        WORD_TO_SOUND,
        documents,
        [Question(label, [label], grades) for label, grades in classes.items()],
        frozenset({"audio"}),
    )
    yield Judged(
        SOUND_TO_SOUND,
        documents,
        [
            Question(name, [folder / name], alike, frozenset({name}))
            for name, label in labels.items()
            if (alike := {other: 1 for other in classes[label] if other != name})
        ],
        frozenset({"audio"}),
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise DataError(f"{path.name} is no JSON object")
    return found
