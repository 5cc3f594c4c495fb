"""Real things of several parts, as rows of frozen encoders that are computed once and kept.

Digits that are seen (MNIST) and spoken (the speakers of a test are in no training), items of WordNet with
a name, a definition and the names of their neighbours, and pairs of texts of nli. What is learned of sets for
evaluation is thrown away.
"""

from __future__ import annotations

import hashlib
import io
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tieback.artifacts import file_digest
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train.encoding import encode
from tieback.training.step_cache import StepCache
from tieback_contract.arrays import Array
from tieback_contract.modality import Modality
from tieback_lab.methods.fusion import Goal
from tieback_lab.recipes.train.fusing import Things

from benchmarks.data_folder import read_rows
from benchmarks.progress import log

SEEN, SPOKEN, TEXT = "efficientnet-lite0", "whisper-tiny-en", "all-minilm-l6-v2"
DIGITS = 10
NLI_LABELS = ("entailment", "neutral", "contradiction")
MOST_WORDS = 24
"""Of a premise."""
SPEAKERS_HELD_OUT = 2
PENALTY = 10.0
"""Of ridge regressions."""
TOPICS = {
    "animal": "00015388", "plant": "00017222", "food": "00021265", "artifact": "00021939",
    "person": "00007846", "location": "00027167", "communication": "00033020", "act": "00030358",
}  # fmt: skip


def dense(space: str, what: str, contents: Sequence[Content | Path]) -> Array:
    """The vectors `[contents, width]` of an encoder of the catalog."""
    card = next(one for one in Catalog.load().encoders() if one.name == space)

    def make() -> dict[str, Array]:
        log(f"encoding {len(contents)} {what} by {space}")
        found = encode(load_encoder(card, Store()), contents)
        assert not found.faults, next(iter(found.faults.values()))
        return {"dense": found.dense}

    names = [file_digest(one) if isinstance(one, Path) else _named(one) for one in contents]
    inputs = {"space": f"{card.space} {card.space.fingerprint}", "contents": names}
    step = StepCache(Store().steps).arrays(f"fused {what} in {space}", encode, inputs, make)
    return np.asarray(step["dense"], np.float32)


def things(parts: Sequence[Array], has: Array, groups: Array, classes: int = 0) -> Things:
    """Things of parts `[n, width]` each, with `has` `[n, parts]`."""
    there = [has[:, place, None] for place in range(len(parts))]
    return Things([one[:, None] for one in parts], there, None, Goal(groups.astype(np.int64), classes))


def _named(content: Content) -> str:
    """A text itself, or the hash of a picture's bytes."""
    if isinstance(content.data, str):
        return content.data
    assert isinstance(content.data, bytes)
    return hashlib.sha256(content.data).hexdigest()


class Digits:
    """Digits in three views: a picture, a clip of a speaker, and a second picture of the same digit."""

    def __init__(self, data: Path, most: int = 100) -> None:
        self.pictures = {name: self._pictures(data, name, most) for name in ("train", "test")}
        clips = sorted((data / "speech/digits").glob("*.wav"))
        self.clips = dense(SPOKEN, "spoken digits", clips)
        self.said = np.array([int(one.stem.split("_")[0]) for one in clips])
        self.speakers = np.array([one.stem.split("_")[1] for one in clips])

    def split(self, seed: int, *, parity: bool = False) -> tuple[Things, Things]:
        """Things to learn from and to test, of other pictures and speakers; the seed draws the speakers.

        Classes are the digits, or by `parity` even and odd ones.
        """
        draw = np.random.default_rng(seed)
        held_out = draw.permutation(np.unique(self.speakers))[:SPEAKERS_HELD_OUT]
        tested = np.isin(self.speakers, held_out)
        made = self._made("train", ~tested, draw), self._made("test", tested, draw)
        if not parity:
            return made
        training, others = (Things(one.rows, one.there, None, Goal(one.goal.groups % 2, 2)) for one in made)
        return training, others

    def _made(self, name: str, usable: Array, draw: np.random.Generator) -> Things:
        rows, labels = self.pictures[name]
        heard = [draw.choice(np.flatnonzero(usable & (self.said == one))) for one in labels]
        second = [draw.choice(np.flatnonzero(labels == one)) for one in labels]
        parts = [rows, self.clips[heard], rows[second]]
        return things(parts, np.ones((len(labels), 3), bool), labels, DIGITS)

    @staticmethod
    def _pictures(data: Path, name: str, most: int) -> tuple[Array, Array]:
        with np.load(data / f"classes/mnist_{name}.npz") as file:
            images, labels = file["images"], file["labels"].astype(np.int64)
        places = np.concatenate([np.flatnonzero(labels == one)[:most] for one in range(DIGITS)])
        pictures = [Content(Modality.IMAGE, _png(images[place])) for place in places]
        return dense(SEEN, f"digits of {name}", pictures), labels[places]


def _png(pixels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "PNG")
    return file.getvalue()


class Words:
    """Items of WordNet below one of eight topics alone: name, definition, names of neighbours."""

    def __init__(self, data: Path, most: int = 150) -> None:
        lines, above, near = wordnet(data)
        names = {synset: name for synset, name, _ in lines}
        found: dict[int, list[tuple[str, str, str]]] = defaultdict(list)
        self.parents: list[str] = []
        kept: list[tuple[str, str, str, int, str]] = []
        topics = list(TOPICS.values())
        for synset, name, text in lines:
            own = [place for place, topic in enumerate(topics) if topic in _ancestors(synset, above)]
            around = ", ".join(sorted(names[one] for one in near[synset] - above[synset] if one in names)[:5])
            if len(own) == 1 and len(found[own[0]]) < most and around:
                found[own[0]].append((name, text, around))
                kept.append((name, text, around, own[0], min(above[synset])))
        self.labels = np.array([one[3] for one in kept])
        self.parents = [one[4] for one in kept]
        texts = [[Content(Modality.TEXT, str(one[place])) for one in kept] for place in range(3)]
        called = ("names", "definitions", "neighbours")
        self.parts = [dense(TEXT, what, some) for what, some in zip(called, texts, strict=True)]

    def split(self, seed: int) -> tuple[Things, Things]:
        """Two thirds to learn from, a third to test."""
        order = np.random.default_rng(seed).permutation(len(self.labels))
        whole = things(self.parts, np.ones((len(self.labels), 3), bool), self.labels, len(TOPICS))
        end = 2 * len(order) // 3
        return whole.take(np.sort(order[:end])), whole.take(np.sort(order[end:]))


def wordnet(data: Path) -> tuple[list[list[str]], dict[str, set[str]], dict[str, set[str]]]:
    """Each synset with its name and definition, those above each, and all that are linked with each."""
    graph = data / "graphs/wn18rr"
    above, near = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for name in ("train", "valid", "test"):
        for line in (graph / f"{name}.tsv").read_text().splitlines():
            head, relation, tail = line.split("\t")
            near[head].add(tail)
            near[tail].add(head)
            if relation in ("_hypernym", "_instance_hypernym"):
                above[head].add(tail)
    lines = [line.split("\t") for line in (graph / "texts.tsv").read_text().splitlines()]
    return lines, above, near


def _ancestors(synset: str, above: dict[str, set[str]]) -> set[str]:
    found, waiting = set[str](), list(above[synset])
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += above[one]
    return found


def nli_pairs(folder: Path, name: str, most: int) -> list[dict[str, Any]]:
    """So many pairs of each label, drawn once for all seeds."""
    short = [one for one in read_rows(folder / f"{name}.jsonl") if len(one["premise"].split()) <= MOST_WORDS]
    order = np.random.default_rng(0).permutation(len(short))
    found = [[short[place] for place in order if short[place]["label"] == own][:most] for own in NLI_LABELS]
    return [one for some in found for one in some]


def ridge(given: Array, wanted: Array) -> Callable[[Array], Array]:
    """A linear map, with the mean apart."""
    before, after = given.mean(axis=0), wanted.mean(axis=0)
    inside = given - before
    matrix = np.linalg.solve(
        inside.T @ inside + PENALTY * np.eye(inside.shape[1], dtype=inside.dtype), inside.T @ (wanted - after)
    )
    return lambda rows: np.asarray((rows - before) @ matrix + after)


def missing_by_label(given: Things, odds: Array, draw: np.random.Generator) -> Things:
    """The things without some parts, each missing with the probability of `odds` `[classes, parts]`."""
    gone = draw.random((len(given), len(given.rows))) < odds[given.goal.groups]
    gone[gone.all(axis=1), 0] = False
    there = [mask & ~gone[:, place, None] for place, mask in enumerate(given.there)]
    return Things(given.rows, there, given.condition, given.goal)
