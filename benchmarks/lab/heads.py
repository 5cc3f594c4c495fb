"""Heads that are fitted on one to sixteen examples a class, beside what needs no head.

    digits, pictures   classes/{mnist,cifar10}_{train,test}.npz of DIR, in the space efficientnet-lite0
    sounds             calls of animals of sounds/ of DIR, in the space yamnet
    texts              the first words of documents of DIR/retrieval and DIR/cranfield, in the space
                       all-minilm-l6-v2; the collection that a document is of is its class

Examples are dealt by seeds from those to learn from; the tested ones are the same for all. The methods are
those of the family `heads`, by the product's own functions, on vectors of the served encoders. Beside them
are the nearest mean of a class's examples, and the SVM on the inputs themselves, for pictures: pixels of
length 1, as in "CNN Features off-the-shelf" (arXiv:1403.6382).

The method `memory` is tried with three memories: the examples themselves; further labelled inputs of the
classes, beside which logistic regression on examples and memory together is shown; and an irrelevant one, of
other inputs in the same space with labels by chance. What a gate has to do is a claim of
"RAML: retrieval-augmented meta-learning for low-resource text classification".
Its gate must close on the irrelevant memory, and that must not cost accuracy against logistic regression.
That a gate is shut without significant votes was decided after a first run with the seeds 0 to 4.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tieback.catalog.catalog import Catalog
from tieback.core.types.content import Content
from tieback.methods.heads import Memory, fit, memory_shares, probabilities
from tieback.methods.projection import unit_rows
from tieback.models.encoder_model import EncoderModel
from tieback.models.loading import load_encoder
from tieback.models.store import Store
from tieback.recipes.train.encoding import encode
from tieback_contract.modality import Modality

from benchmarks.data_folder import add_data, data_of, read_rows
from benchmarks.progress import log
from benchmarks.report import SEEDS as INTERVAL
from benchmarks.report import Report, Tried
from benchmarks.statistics import Interval

Floats = NDArray[np.floating[Any]]
Numbers = NDArray[np.integer[Any]]

HOLDS = "labelled pictures, sounds and texts"
EXAMPLES = (1, 2, 4, 8, 16)
SEEDS = 5
LEARNT, TESTED = 40, 30  # of each class, where there are so many
CORPUS = 20  # of each class, in a memory
WORDS = 6  # of a text
COLLECTIONS = ("cranfield", "retrieval/cacm", "retrieval/cisi", "retrieval/med", "retrieval/npl")
PAPER_26 = "26 RAML: retrieval-augmented meta-learning for low-resource text classification"
PAPER_38 = "38 CNN features (arXiv:1403.6382)"
MEANS, INPUTS, LOGISTIC, SVM = "nearest mean", "SVM on inputs", "logistic", "linear_svm"
OWN, CORPUS_MEMORY, IRRELEVANT = "memory", "memory, corpus", "memory, irrelevant"
BOTH = "logistic, examples and corpus"
SHARE, SHARE_IRRELEVANT = "gate, corpus", "gate, irrelevant"
POINTS, FEW = 20.0, 8
"""Of the claim of paper 38: by so many points, with so many examples a class (it has ten)."""


@dataclass(frozen=True)
class LabelledSet:
    """Vectors `[n, width]` of inputs with their classes `[n]`, to learn from and to be tested.

    `irrelevant` `[m, width]` are vectors of something else. `inputs` are the inputs themselves, of both
    parts, where they are arrays.
    """

    name: str
    learnt: Floats
    learnt_labels: Numbers
    tested: Floats
    tested_labels: Numbers
    irrelevant: Floats
    inputs: tuple[Floats, Floats] | None = None


Found = dict[str, float]
"""By way, the accuracy in per cent, and by gate how much the memory counts."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_data(parser, HOLDS)
    parser.add_argument("--only", nargs="+", choices=sorted(SETS), metavar="SET", help="these sets alone")
    parser.add_argument("--seeds", type=int, default=SEEDS, help=f"so many deals of examples [{SEEDS}]")


def run(options: argparse.Namespace) -> Report:
    data = data_of(options, HOLDS)
    report = Report()
    found: dict[tuple[str, int], list[Found]] = {}
    for name in options.only or SETS:
        one = SETS[name](data)
        for count in EXAMPLES:
            if count <= np.bincount(one.learnt_labels).min():
                log(f"{name}: {count} examples a class")
                found[name, count] = [measured(one, count, seed) for seed in range(options.seeds)]
    tell_found(found, report)
    claim(found, report)
    return report


def dealt(labels: Numbers, count: int, seed: int) -> tuple[Numbers, Numbers]:
    """The places of so many examples of each class, and of at most `CORPUS` others of each."""
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(np.flatnonzero(labels == one)) for one in range(int(labels.max()) + 1)]
    return (
        np.concatenate([order[:count] for order in orders]),
        np.concatenate([order[count : count + CORPUS] for order in orders]),
    )


def measured(one: LabelledSet, count: int, seed: int) -> Found:
    """All ways with so many examples of each class, as this seed deals them."""
    examples, others = dealt(one.learnt_labels, count, seed)
    vectors, labels = one.learnt[examples], one.learnt_labels[examples]
    corpus = Memory(one.learnt[others], one.learnt_labels[others])
    draw = np.random.default_rng([seed, count])
    strange = Memory(one.irrelevant, draw.integers(0, int(labels.max()) + 1, len(one.irrelevant)))

    def right(likely: Floats) -> float:
        return 100 * float((likely.argmax(axis=1) == one.tested_labels).mean())

    def by(name: str, rows: Floats, numbers: Numbers, memory: Memory | None = None) -> tuple[float, float]:
        state = fit(name, rows, numbers, memory)
        shares = memory_shares(name, one.tested, state)
        return right(probabilities(name, one.tested, state)), 0.0 if shares is None else float(shares.mean())

    found = {
        MEANS: right(unit_rows(one.tested) @ _means(vectors, labels).T),
        LOGISTIC: by(LOGISTIC, vectors, labels)[0],
        SVM: by(SVM, vectors, labels)[0],
        OWN: by(OWN, vectors, labels)[0],
    }
    if len(others):
        both = np.concatenate([vectors, corpus.vectors]), np.concatenate([labels, corpus.labels])
        found[BOTH] = by(LOGISTIC, *both)[0]
        found[CORPUS_MEMORY], found[SHARE] = by(OWN, vectors, labels, corpus)
    found[IRRELEVANT], found[SHARE_IRRELEVANT] = by(OWN, vectors, labels, strange)
    if one.inputs is not None:
        learnt, tested = one.inputs
        found[INPUTS] = right(probabilities(SVM, tested, fit(SVM, learnt[examples], labels)))
    return found


def _means(vectors: Floats, labels: Numbers) -> Floats:
    rows = unit_rows(vectors)
    means = [rows[labels == one].mean(axis=0) for one in range(int(labels.max()) + 1)]
    return np.asarray(unit_rows(np.stack(means)))


def tell_found(found: Mapping[tuple[str, int], Sequence[Found]], report: Report) -> None:
    """The tables: of each way the mean, and the lowest and the highest seed."""
    ways = (MEANS, INPUTS, LOGISTIC, SVM, OWN, CORPUS_MEMORY, BOTH, IRRELEVANT)
    for title, names, digits in (
        ("accuracy, %", ways, 1),
        ("how much the memory counts, 0 to 1", (SHARE, SHARE_IRRELEVANT), 3),
    ):
        report.table(
            f"{title}: mean of the seeds (lowest to highest)",
            [
                {"set": name, "examples a class": count}
                | {way: _told([one[way] for one in seeds if way in one], digits) for way in names}
                for (name, count), seeds in found.items()
            ],
        )


def _told(values: Sequence[float], digits: int) -> str:
    if not values:
        return "–"
    mean, low, high = Interval.between(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def claim(found: Mapping[tuple[str, int], Sequence[Found]], report: Report) -> None:
    """Of each set: features against inputs, a memory against means, and what an irrelevant memory does."""
    for name in dict.fromkeys(name for name, _ in found):
        few = found.get((name, FEW), ())
        if any(INPUTS in one for one in few):
            gained = [one[SVM] - one[INPUTS] for one in few]
            _claim(report, 38,
                   f"{PAPER_38}: {name}, {FEW} examples a class: linear_svm on features over inputs",
                   gained, "points", f">= {POINTS:g}")  # fmt: skip
        single = found.get((name, 1), ())
        if any(CORPUS_MEMORY in one for one in single):
            gained = [one[CORPUS_MEMORY] - one[MEANS] for one in single]
            _claim(report, 26, f"{PAPER_26}: {name}, 1 example a class: memory of a corpus over nearest mean",
                   gained, "points", ">= 3")  # fmt: skip
        counts = [seeds for (own, _), seeds in found.items() if own == name]
        where = f"{PAPER_26}: {name}, an irrelevant memory, the worst number of examples"
        shares = [max(one[SHARE_IRRELEVANT] for one in same) for same in zip(*counts, strict=True)]
        _claim(report, None, f"{where}: how much it counts", shares, "", "< 0.2")
        lost = [max(one[LOGISTIC] - one[IRRELEVANT] for one in same) for same in zip(*counts, strict=True)]
        _claim(report, None, f"{where}: accuracy lost against logistic", lost, "points", "<= 1")


def _claim(
    report: Report, paper: int | None, name: str, values: Sequence[float], unit: str, target: str
) -> None:
    report.claim(
        name, Interval.between(values), unit, target,
        note=f"{len(values)} seeds", interval=INTERVAL,
        of=None if paper is None else Tried(paper, "ours", product=True, data="real"),
    )  # fmt: skip


def _digits(data: Path) -> LabelledSet:
    return _of_arrays(data, "mnist", "cifar10")


def _pictures(data: Path) -> LabelledSet:
    return _of_arrays(data, "cifar10", "mnist")


def _of_arrays(data: Path, name: str, other: str) -> LabelledSet:
    model = _model("efficientnet-lite0")
    learnt, tested, strange = (
        _chosen(data / "classes" / f"{which}_{part}.npz", most)
        for which, part, most in ((name, "train", LEARNT), (name, "test", TESTED), (other, "train", LEARNT))
    )
    vectors = [_encoded(model, [_png(pixels) for pixels in part[0]]) for part in (learnt, tested, strange)]
    inputs = tuple(part[0].reshape(len(part[0]), -1) / 255.0 for part in (learnt, tested))
    return LabelledSet(name, vectors[0], learnt[1], vectors[1], tested[1], vectors[2], (inputs[0], inputs[1]))


def _chosen(path: Path, most: int) -> tuple[NDArray[np.uint8], Numbers]:
    """The first so many pictures of each class."""
    with np.load(path) as file:
        pictures, labels = file["images"], file["labels"].astype(np.int64)
    places = np.concatenate([np.flatnonzero(labels == one)[:most] for one in range(int(labels.max()) + 1)])
    return pictures[places], labels[places]


def _png(pixels: NDArray[np.uint8]) -> Content:
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, "PNG")
    return Content(Modality.IMAGE, file.getvalue())


def _sounds(data: Path) -> LabelledSet:
    """Of the twelve of each class, the first eight to learn from; spoken digits are something else."""
    said = json.loads((data / "sounds/labels.json").read_text())
    names = sorted(set(said.values()))
    files = {label: sorted(file for file in said if said[file] == label) for label in names}
    model = _model("yamnet")
    parts = []
    for begin, end in ((0, 8), (8, 12)):
        chosen = [(data / "sounds" / file, number) for number, label in enumerate(names)
                  for file in files[label][begin:end]]  # fmt: skip
        parts.append((_encoded(model, [path for path, _ in chosen]), np.array([n for _, n in chosen])))
    strange = _encoded(model, sorted((data / "speech/digits").rglob("*.wav")))
    (learnt, learnt_labels), (tested, tested_labels) = parts
    return LabelledSet("sounds", learnt, learnt_labels, tested, tested_labels, strange)


def _texts(data: Path) -> LabelledSet:
    """Questions of another collection are something else."""
    model = _model("all-minilm-l6-v2")
    parts: list[list[Content]] = [[], []]
    labels: list[list[int]] = [[], []]
    for number, name in enumerate(COLLECTIONS):
        texts = list(_first_words(data / name / "documents.jsonl", "text"))
        order = np.random.default_rng(number).permutation(len(texts))[: LEARNT + TESTED]
        for part, places in enumerate((order[:LEARNT], order[LEARNT:])):
            parts[part] += [Content(Modality.TEXT, texts[place]) for place in places]
            labels[part] += [number] * len(places)
    strange = [Content(Modality.TEXT, text) for text in _first_words(data / "truthfulqa.jsonl", "question")]
    learnt, tested, other = (_encoded(model, contents) for contents in (*parts, strange))
    return LabelledSet("texts", learnt, np.array(labels[0]), tested, np.array(labels[1]), other)


def _first_words(path: Path, key: str) -> Iterator[str]:
    for row in read_rows(path):
        words = str(row[key]).split()[:WORDS]
        if words:
            yield " ".join(words)


def _model(name: str) -> EncoderModel:
    card = next(card for card in Catalog.load().encoders() if card.name == name)
    return load_encoder(card, Store())


def _encoded(model: EncoderModel, contents: Sequence[Content | Path]) -> Floats:
    log(f"encoding {len(contents)} inputs by {model.card.name}")
    found = encode(model, contents)
    assert not found.faults, next(iter(found.faults.values()))
    return found.dense


SETS: Mapping[str, Callable[[Path], LabelledSet]] = {
    "digits": _digits,
    "pictures": _pictures,
    "sounds": _sounds,
    "texts": _texts,
}
