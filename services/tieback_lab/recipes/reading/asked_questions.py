"""Questions with passages out of files, and what the network of answerability reads of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tieback.catalog.card import EncoderCard
from tieback.core.errors import InvalidInput, NotFound, StartupError
from tieback.core.text.sentences import sentences
from tieback.methods.answerability.question_alignment import Inputs, inputs_of
from tieback.methods.grounding import Statement
from tieback.models.encoder_model import EncoderModel
from tieback.recipes.trained import TrainingRun
from tieback_contract.arrays import Array
from tieback_contract.field_path import at
from tieback_contract.vectors import VectorKind

from tieback_lab.recipes.reading.claim_pairs import encoded
from tieback_lab.recipes.reading.made_questions import Asked, Stated, crowded, questions_of

SUPPORTED = {
    "supported": True, "contradicted": False, "unsupported": None,
    "entailment": True, "contradiction": False, "neutral": None,
}  # fmt: skip
EVIDENCE, CLAIM = ("evidence", "premise"), ("claim", "hypothesis")
LONGEST, MOST_SENTENCES = 600, 10
"""Characters of a question or a sentence, and sentences of a passage, that are read."""


@dataclass(frozen=True, slots=True)
class Example:
    """What is read of a question and a passage, whether it answers it, and which windows have the answer."""

    read: Inputs
    answerable: bool
    answers: Array


def card_of(run: TrainingRun, space: str) -> EncoderCard:
    """The card of a space of texts and of their tokens. NotFound or InvalidInput where it is none."""
    if space not in run.cards:
        raise NotFound("space", space, run.cards)
    card = run.cards[space]
    if VectorKind.MULTI_VECTOR not in card.kinds or VectorKind.DENSE not in card.kinds:
        raise InvalidInput(
            f"{space} gives no vectors of tokens beside those of texts", field=at("parameters", "space")
        )
    return card


def read_questions(
    files: Iterable[Path], *, most: int, seed: int, left_out: Collection[str] = ()
) -> list[Asked]:
    """The questions of JSONL files, and those that are made of their claims: at most so many of each set but
    those left out.

    StartupError where a line is another.
    """
    asked: list[Asked] = []
    stated: list[Stated] = []
    for path in files:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                one = _line(line, path, number)
                if one.source in left_out:
                    continue
                (asked if isinstance(one, Asked) else stated).append(one)  # type: ignore[arg-type]  # each its own
    draw = np.random.default_rng(seed)
    made = crowded(questions_of(stated, seed), draw)
    found: dict[str, list[Asked]] = {}
    for one in (*asked, *made):
        found.setdefault(one.source, []).append(one)
    chosen: list[Asked] = []
    for source in sorted(found):
        places = np.sort(draw.choice(len(found[source]), min(len(found[source]), most), replace=False))
        chosen += [found[source][place] for place in places.tolist()]
    return chosen


def _line(line: str, path: Path, number: int) -> Asked | Stated:
    try:
        said: Any = json.loads(line)
        source = str(said.get("source", path.stem))
        if "question" in said:
            answers = said.get("answers") or [""]
            answer = said.get("sentence") or said.get("answer") or answers[0]
            return Asked(
                str(said["question"]), str(said["passage"]), bool(said["answerable"]), str(answer), source
            )
        evidence = next(said[name] for name in EVIDENCE if name in said)
        claim = next(said[name] for name in CLAIM if name in said)
        return Stated(str(evidence), str(claim), SUPPORTED[said["label"]], source)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, StopIteration):
        raise StartupError(
            f"{path.name}, line {number}: a line is a JSON object with question, passage and answerable, or "
            f"with evidence, claim, and a label out of {', '.join(SUPPORTED)}"
        ) from None


def examples_of(model: EncoderModel, asked: Sequence[Asked], say: Callable[[str], None]) -> list[Example]:
    """What the network reads of each question and its passage."""
    places: dict[str, int] = {}

    def place(text: str) -> int:
        return places.setdefault(text, len(places))

    reads = []
    for one in asked:
        cut = [one.passage[begin:end][:LONGEST] for begin, end in sentences(one.passage)][:MOST_SENTENCES]
        cut = cut or ["."]
        reads.append((place(one.question[:LONGEST]), cut, [place(text) for text in cut]))
    say(f"encoding the tokens of {len(places)} texts of {len(asked)} questions in {model.card.name}")
    dense, rows = encoded(model, list(places))
    found = []
    for one, (question, cut, windows) in zip(asked, reads, strict=True):
        statement = Statement(one.question[:LONGEST], dense[question], rows[question].astype(np.float32))
        read = inputs_of(statement, cut, dense[windows], [rows[number] for number in windows])
        if read is None:
            raise InvalidInput(f"the question {one.question!r} has no word", field="data")
        answer = one.answer.lower() if one.answerable else ""
        has = [bool(answer) and (answer in text.lower() or text.lower() in answer) for text in cut]
        half = read._replace(question=read.question.astype(np.float16))
        found.append(Example(half, one.answerable, np.array([has[number] for number in read.places], bool)))
    return found


def standardised(examples: Sequence[Example], mean: Array, spread: Array) -> list[Example]:
    """The same, with signals that have the mean 0 and the spread 1."""
    return [
        replace(one, read=one.read._replace(signals=((one.read.signals - mean) / spread).astype(np.float32)))
        for one in examples
    ]
