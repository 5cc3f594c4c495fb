"""Readings of logits: labels with scores, or parts of a text with their labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tieback_contract.arrays import Array
from tieback_contract.heads import LabelScore, LabelSpan

from tieback.catalog.classifier_card import Problem
from tieback.core.order import best_first

OUTSIDE = "O"
"""The label of tokens that are in no part."""
BEGIN, INSIDE = "B-", "I-"


def scores_of(logits: Array, problem: Problem, *, raw: bool = False) -> Array:
    """The scores of logits `[…, labels]` by the problem, or the `raw` logits."""
    if raw or problem == "regression":
        return logits
    if problem == "multi_label":
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)), np.float32)  # the sigmoid, without overflow
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float32)


def labels_of(names: Sequence[str], scores: Array, problem: Problem, top: int) -> list[LabelScore]:
    """The `top` labels, best first, 0 for all; of a regression in their own order."""
    places: Sequence[int] = range(len(names))
    if problem != "regression":
        places = best_first(scores, lambda place: place, len(names))
    return [LabelScore(names[place], float(scores[place])) for place in places[: top or None]]


def spans_of(names: Sequence[str], scores: Array, places: Array, text: str) -> list[LabelSpan]:
    """The parts of a text that have a label, by the scores `[n, labels]` of its tokens.

    `places` `[n, 2]` are the tokens' ranges of characters. A part is a run of tokens whose likeliest label is
    the same but for B- and I-; B- begins another one. Those are the groups of transformers' pipeline with
    `aggregation_strategy="simple"`, and so is a part's score, the mean of its tokens' likeliest labels.
    """
    best = scores.argmax(axis=-1)
    runs: list[tuple[str, list[int]]] = []
    for token, number in enumerate(best.tolist()):
        label = names[number]
        name = label[len(BEGIN) :] if label.startswith((BEGIN, INSIDE)) else label
        if runs and runs[-1][0] == name and not label.startswith(BEGIN):
            runs[-1][1].append(token)
        else:
            runs.append((name, [token]))
    found = []
    for name, tokens in runs:
        if name != OUTSIDE:
            start, end = int(places[tokens[0], 0]), int(places[tokens[-1], 1])
            score = float(np.mean([scores[token, best[token]] for token in tokens]))
            found.append(LabelSpan(name, score, start, end, text[start:end]))
    return found
