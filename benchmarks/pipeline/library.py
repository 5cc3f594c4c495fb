"""The mixed library that the project ships: texts, photos and sounds, with the questions in `mixed/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tieback.catalog.catalog import Catalog
from tieback.core.errors import StartupError
from tieback.models.store import Store

from benchmarks.data_folder import read_rows
from benchmarks.pipeline.judged import Document, Judged, Question

NAME = "mixed"
ROOT = Path(__file__).parents[2]
QUESTIONS = Path(__file__).parent / "mixed" / "questions.jsonl"
PAGES = "architecture", "binding", "deployment", "indexing", "operations", "own-models", "security", "speed"
"""The pages of docs/ that are part of the library; new ones do not join, so that numbers stay comparable."""

MEDIA = {".jpg": "image", ".png": "image", ".wav": "audio"}


def mixed_library(store: Store | None = None) -> Judged:
    """The library. Photos and sounds that were not pulled are missing, with the questions on them alone."""
    documents = {one.id: one for one in _documents(store or Store())}
    modalities = frozenset(MEDIA.get(Path(name).suffix, "text") for name in documents)
    return Judged(NAME, list(documents.values()), list(_questions(documents)), modalities)


def _documents(store: Store) -> Iterator[Document]:
    for path in sorted((ROOT / "examples" / "library" / "text").glob("*.md")):
        yield Document(f"library/{path.name}", file=path)
    for name in PAGES:
        yield Document(f"docs/{name}.md", file=ROOT / "docs" / f"{name}.md")
    for card in Catalog.load().media():
        try:
            folder = store.media(card)
        except StartupError:
            continue
        for path in sorted(folder.iterdir()):
            if path.suffix in MEDIA:
                yield Document(f"{card.name}/{path.name}", file=path)


def _questions(documents: dict[str, Document]) -> Iterator[Question]:
    for row in read_rows(QUESTIONS):
        asked = row["query"]
        own = [asked[kind] for kind in ("image", "sound") if kind in asked]
        grades = {name: grade for name, grade in row["judgements"].items() if name in documents}
        if any(name not in documents for name in own) or (row["judgements"] and not grades):
            continue
        files = [file for name in own if (file := documents[name].file) is not None]
        words = [asked["text"]] if "text" in asked else []
        yield Question(
            row["id"],
            [*words, *files],
            grades,
            frozenset(own),
            row["kind"],
            row["split"],
            row.get("answer", ()),
        )
