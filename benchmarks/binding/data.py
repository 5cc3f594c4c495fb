"""The folder of photos and judged texts, read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data_folder import DataError, laid_out, read_rows

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Collection:
    """Texts, and queries with the gains of texts by their place."""

    documents: Sequence[str]
    queries: Sequence[tuple[str, Mapping[int, float]]]


@dataclass(frozen=True)
class Data:
    """Photos with the names of what is on them; pairs of sentences by set; collections of texts by name."""

    photos: Sequence[Path]
    names: Sequence[str]
    shows: Bools  # [names, photos]
    pairs: Mapping[str, Sequence[tuple[str, str, float]]]
    collections: Mapping[str, Collection]
    folder: Path = Path()

    @property
    def said(self) -> str:
        """Sizes of the data, in words."""
        pairs = sum(map(len, self.pairs.values()))
        return (
            f"{len(self.photos)} photos with {len(self.names)} names, {pairs} pairs of sentences, "
            f"{sum(len(one.documents) for one in self.collections.values())} texts with "
            f"{sum(len(one.queries) for one in self.collections.values())} queries"
        )

    @classmethod
    def read(cls, folder: Path) -> Data:
        """DataError where there are no photos with objects, or a file is not what it should be."""
        with laid_out():
            seen = json.loads((folder / "coco128" / "labels.json").read_text())
            objects = {str(one["image"]): set(map(str, one["objects"])) for one in seen}
            pairs = {
                path.stem: [(str(row["a"]), str(row["b"]), float(row["score"])) for row in read_rows(path)]
                for path in sorted((folder / "sts").glob("*.jsonl"))
            }
            places = [folder / "cranfield", *sorted((folder / "retrieval").glob("*"))]
            collections = {path.name: _searched(path) for path in places if path.is_dir()}
            collections |= {path.name: _asked(path) for path in sorted((folder / "collections").glob("*"))}
        photos = [path for name in objects if (path := folder / "coco128" / "images" / name).is_file()]
        names = sorted({name for path in photos for name in objects[path.name]})
        if len(photos) < 2 or len(names) < 2:
            raise DataError(f"{folder / 'coco128'} holds too few photos with objects")
        shows = np.array([[name in objects[path.name] for path in photos] for name in names])
        return cls(photos, names, shows, pairs, collections, folder)


def _searched(folder: Path) -> Collection:
    """Gains are 2^grade − 1, as nDCG has them; queries of which nothing is relevant are left out."""
    documents = list(read_rows(folder / "documents.jsonl"))
    places = {row["id"]: place for place, row in enumerate(documents)}
    queries = [
        (
            str(row["text"]),
            {places[one]: 2.0**grade - 1 for one, grade in row["judgements"].items() if one in places},
        )
        for row in read_rows(folder / "queries.jsonl")
    ]
    texts = [str(row["text"] or row["title"] or ".") for row in documents]
    return Collection(texts, [(text, gains) for text, gains in queries if any(gains.values())])


def _asked(folder: Path) -> Collection:
    """Questions that documents answer: each of these is relevant. Others are left out."""
    documents = list(read_rows(folder / "documents.jsonl"))
    places = {row["id"]: place for place, row in enumerate(documents)}
    queries = [
        (str(row["question"]), {places[one]: 1.0 for one in row["documents"] if one in places})
        for row in read_rows(folder / "questions.jsonl")
        if row["answerable"]
    ]
    return Collection([str(row["text"]) for row in documents], [one for one in queries if one[1]])
