"""Answerability by the alignment of a question's tokens with those of each sentence, learned.

Each token of the question is aligned with the tokens of a sentence (decomposable attention; Parikh et al.,
2016, arXiv:1606.01933), and each token of the sentence is held against the question: one that the question
does not have, of the kind that it asks for, can be the answer. A small network compares both, and another
decides by the comparisons and by signals of nearness, shared words, names, numbers and the kind of answer
that is expected. The best sentence decides for its passage. It is learned by `tieback train answerability`.

What it knows is in its training data: English questions, many of them made by rules. It sees that a passage
is about something else; of questions that were written to look answerable it misses many.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from tieback_contract.arrays import Array

from tieback.core.language import Sentence, sentence_of
from tieback.core.state import State
from tieback.core.text.questions import KINDS, has_expected, kind_of
from tieback.core.text.visible import as_displayed
from tieback.methods.answerability import Judgement, answerabilities
from tieback.methods.grounding import Passage, Statement

WINDOWS, QUESTION_TOKENS, WINDOW_TOKENS = 4, 32, 48
"""Sentences of a passage that are judged, and tokens of question and sentence; what is longer is cut."""

SIGNALS = (
    *(f"asks {kind}" for kind in KINDS), "nearness", "alignment", "least aligned", "three least aligned",
    "alignment anywhere", "least aligned anywhere", "behind the nearest", "behind the best aligned",
    "coverage", "coverage anywhere", "names there", "has names", "lacks numbers", "has numbers", "new number",
    "new name", "new time", "expected there", "negation differs", "question length", "window length",
)  # fmt: skip

NEARNESS = SIGNALS.index("nearness")

STATE = {
    "project.weight": ("hidden", "width"), "project.bias": ("hidden",),
    "compare.0.weight": ("hidden", "pair"), "compare.0.bias": ("hidden",),
    "compare.1.weight": ("hidden", "hidden"), "compare.1.bias": ("hidden",),
    "answer.0.weight": ("hidden", "asked"), "answer.0.bias": ("hidden",),
    "answer.1.weight": ("hidden", "hidden"), "answer.1.bias": ("hidden",),
    "decide.0.weight": ("decision", "read"), "decide.0.bias": ("decision",),
    "decide.1.weight": ("one", "decision"), "decide.1.bias": ("one",),
    "sharpness": ("one",), "mean": ("signals",), "spread": ("signals",),
    "nearness": ("one",), "calibration": ("two",), "precisions": ("levels", "two"),
}  # fmt: skip
"""`nearness` is how much the cosine of the nearest sentence counts beside the logit, and `calibration` is
slope and offset of their sum. `precisions` has thresholds, rising, and for which share of the questions that
are answered from there on the passage has the answer."""

Share = Annotated[float, Field(ge=0, le=1)]

CERTAIN, LIKELY = 0.95, 0.75
"""The precisions from which on a passage is taken to have the answer, and is likely to have it
(docs/answers.md has how often it has).
"""


class Inputs(NamedTuple):
    """What the network reads of a passage: token rows of the question `[m, width]`, how well each is aligned
    anywhere in the passage `[m]`, token rows of each window, and their signals `[windows, signals]`.

    `places` are those of the windows in the passage.
    """

    question: Array
    anywhere: Array
    windows: Sequence[Array]
    signals: Array
    places: Sequence[int]


@answerabilities.method
def question_alignment(
    question: Statement, passages: Sequence[Passage], state: State, *, wanted_precision: Share = 0.6
) -> Judgement:
    """The probability that each passage answers the question. It is answered from the threshold on from
    which, of the questions that were held out in training, the share `wanted_precision` had an answer, where
    half of all had one; it is certain from where the share is `CERTAIN` on, and likely from `LIKELY` on.
    """
    scores = np.zeros(len(passages))
    for number, passage in enumerate(passages):
        read = inputs(question, passage)
        if read is not None:
            near = float(read.signals[:, NEARNESS].max())
            scores[number] = probability(float(logits(read, state).max()), near, state)
    return judged(scores, wanted_precision, state)


def judged(scores: Array, wanted: float, state: State) -> Judgement:
    """The scores, and from what on it is answered, is certain, and is likely."""
    threshold, certain, likely = (threshold_of(one, state) for one in (wanted, CERTAIN, LIKELY))
    return Judgement(scores, threshold, certain, likely)


def threshold_of(wanted: float, state: State) -> float:
    """The lowest threshold with the wanted precision; the highest where none has it."""
    levels = state["precisions"]
    good = np.nonzero(levels[:, 1] >= wanted)[0]
    return float(levels[good[0] if len(good) else -1, 0])


def probability(logit: float, near: float, state: State) -> float:
    """The calibrated probability of a logit, with the cosine of the question and the nearest sentence."""
    slope, offset = state["calibration"].tolist()
    whole = slope * (logit + float(state["nearness"][0]) * near) + offset
    return float(1 / (1 + np.exp(-np.clip(whole, -30, 30))))


def alignment(question: Array, rows: Sequence[Array]) -> Array:
    """How well each token of a question is aligned with each window: its best cosine `[windows, m]`."""
    own = np.asarray(question, np.float32)
    found = [
        (own @ np.asarray(one, np.float32).T).max(axis=1) if len(one) else np.zeros(len(own), np.float32)
        for one in rows
    ]
    return np.stack(found) if found else np.zeros((0, len(own)), np.float32)


def inputs(question: Statement, passage: Passage) -> Inputs | None:
    """What the network reads; None of a question or a passage without a word."""
    encoded = passage.text.encode()
    texts = [as_displayed(encoded[begin:end].decode()) for begin, end in passage.windows]
    return inputs_of(question, texts, passage.vectors, passage.rows)


def inputs_of(
    question: Statement, texts: Sequence[str], vectors: Array, rows: Sequence[Array]
) -> Inputs | None:
    """The same of windows by their texts, vectors `[windows, width]` and token rows."""
    asked = question.rows[:QUESTION_TOKENS]
    if not len(asked) or not texts:
        return None
    near, aligned = vectors @ question.vector, alignment(asked, rows)
    means, anywhere = aligned.mean(axis=1), aligned.max(axis=0)
    places = np.sort(np.argsort(-(near + means), kind="stable")[:WINDOWS]).tolist()
    kind, own = kind_of(question.text), sentence_of(question.text)
    every = Sentence(" ".join(texts))
    signals = [
        [
            *(float(kind == one) for one in KINDS),
            *(near[place], means[place], aligned[place].min(), np.sort(aligned[place])[:3].mean()),
            *(anywhere.mean(), anywhere.min()),
            *(near[place] - near.max(), means[place] - means.max()),
            *_shared(kind, own, sentence_of(texts[place]), every),
        ]
        for place in places
    ]
    return Inputs(
        asked,
        anywhere,
        [rows[place][:WINDOW_TOKENS] for place in places],
        np.array(signals, np.float32),
        places,
    )


def _shared(kind: str, own: Sentence, window: Sentence, every: Sentence) -> list[float]:
    """The signals that are read from words."""
    content = max(len(own.content), 1)
    return [
        len(own.content & window.words) / content,
        len(own.content & every.words) / content,
        len(own.inner_capitals & every.words) / max(len(own.inner_capitals), 1),
        float(bool(own.inner_capitals)),
        float(bool(own.amounts - every.amounts)),
        float(bool(own.amounts)),
        float(bool(window.amounts - own.amounts)),
        float(bool(window.capitals - own.words)),
        float(bool(window.times - own.times)),
        float(has_expected(kind, own, window)),
        float(own.is_negated != window.is_negated),
        min(len(own.words), 30) / 10,
        min(len(window.words), 60) / 30,
    ]


def logits(read: Inputs, state: State) -> Array:
    """Of each window, before calibration `[windows]`."""
    own = _layer(read.question, "project", state)
    asked = np.concatenate([own[0], own.mean(axis=0)])
    sharpness = float(state["sharpness"][0])
    found = np.zeros(len(read.windows))
    for number, rows in enumerate(read.windows):
        window = rows if len(rows) else np.zeros((1, read.question.shape[1]), np.float32)
        other, cosines = _layer(window, "project", state), read.question @ window.T
        aligned = _softmax(sharpness * cosines) @ other
        best = np.maximum(cosines.max(axis=1, keepdims=True), 0)
        pair = [own, aligned, own * aligned, np.abs(own - aligned), best, (1 - best) ** 2]
        compared = _two(np.concatenate([*pair, read.anywhere[:, None]], axis=1), "compare", state)
        near = np.maximum(cosines.max(axis=0)[:, None], 0)
        answer = _two(
            np.concatenate([other, np.broadcast_to(asked, (len(other), len(asked))), near], axis=1),
            "answer",
            state,
        )
        standard = (read.signals[number] - state["mean"]) / state["spread"]
        both = np.concatenate([standard, compared.mean(axis=0), compared.max(axis=0), answer.max(axis=0)])
        decided = np.maximum(_layer(both, "decide.0", state), 0)
        found[number] = _layer(decided, "decide.1", state)[0]
    return found


def _two(rows: Array, name: str, state: State) -> Array:
    first = np.maximum(_layer(rows, f"{name}.0", state), 0)
    return np.maximum(_layer(first, f"{name}.1", state), 0)


def _layer(rows: Array, name: str, state: State) -> Array:
    return np.asarray(rows @ state[f"{name}.weight"].T + state[f"{name}.bias"])


def _softmax(values: Array) -> Array:
    found = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(found / found.sum(axis=-1, keepdims=True))
