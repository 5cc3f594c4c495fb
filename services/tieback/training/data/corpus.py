"""Unimodal data: texts, photos and sounds that need not have anything to do with each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tieback.core.errors import StartupError
from tieback.core.text.sentences import sentences
from tieback.training.data.texts import SAMPLE, json_lines

TEXTS, LINES = (".txt", ".md"), (".jsonl",)
PHOTOS, SOUNDS = (".jpg", ".jpeg", ".png"), (".wav",)
FIELDS = ("text", "a", "b", "query")
"""What a line of a .jsonl file may hold a text in; every one that is there is taken."""

SHORTEST, LONGEST = 20, 400
"""Characters of a sentence that is taken: less is a heading, more is a list."""

RUN = 20
"""Sentences that stay together where not all are taken: what follows what is learned from."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences, and files of photos and sounds."""

    texts: tuple[str, ...] = ()
    photos: tuple[Path, ...] = ()
    sounds: tuple[Path, ...] = ()

    def limited(self, texts: int, photos: int, sounds: int, seed: int) -> Corpus:
        """At most so many of each, drawn by the seed, in their order; sentences in runs, as they follow."""
        draw = np.random.default_rng(seed)
        return Corpus(
            tuple(self.texts[place] for place in _some(len(self.texts), texts, min(RUN, texts), draw)),
            tuple(self.photos[place] for place in _some(len(self.photos), photos, 1, draw)),
            tuple(self.sounds[place] for place in _some(len(self.sounds), sounds, 1, draw)),
        )


def _some(count: int, most: int, run: int, draw: np.random.Generator) -> list[int]:
    """Places of at most `most` of `count` things, in runs of neighbours."""
    if count <= most:
        return list(range(count))
    begins = run * np.sort(draw.choice(count // run, most // run, replace=False))
    return [int(begin) + step for begin in begins for step in range(run)]


def read_corpus(folders: Iterable[Path]) -> Corpus:
    """Everything in the folders and below. StartupError where one is not there or a .jsonl line is no JSON.

    Without a sentence in any of them, the sentences that recipes are measured on are taken.
    """
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise StartupError(f"there is no folder {folder}; give one that holds texts, photos or sounds")
        files += sorted(path for path in folder.rglob("*") if path.is_file())
    texts = list(dict.fromkeys(text for path in files for text in _texts_of(path)))
    return Corpus(
        tuple(texts or _sentences(SAMPLE)),
        tuple(path for path in files if path.suffix.lower() in PHOTOS),
        tuple(path for path in files if path.suffix.lower() in SOUNDS),
    )


def _texts_of(path: Path) -> Iterator[str]:
    suffix = path.suffix.lower()
    if suffix in TEXTS:
        yield from _sentences(path.read_text(encoding="utf-8", errors="replace"))
    elif suffix in LINES:
        for line in json_lines(path):
            fields = line if isinstance(line, dict) else {}
            for text in (fields.get(name) for name in FIELDS):
                if isinstance(text, str):
                    yield from _sentences(text)


def _sentences(text: str) -> Iterator[str]:
    for begin, end in sentences(text):
        sentence = " ".join(text[begin:end].lstrip("#>*-• \t").split())
        if SHORTEST <= len(sentence) <= LONGEST:
            yield sentence
